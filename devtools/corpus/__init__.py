"""Generated projects of every kind that exports meet, as documents; the same for the same seed."""

from devtools.corpus.catalogue import CORPUS, corpus_project

__all__ = ["CORPUS", "corpus_project"]
