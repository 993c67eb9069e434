"""Every kind of archive, in the order of the table's columns."""

from typing import Final

from devtools.readers.kinds.large import above_4_gib
from devtools.readers.kinds.published import after_deletions, delta, small, with_media
from devtools.readers.kinds.sample import Kind
from devtools.readers.kinds.spliced import (
    document_in_shards,
    long_life,
    many_files,
    no_files,
    odd_names,
)

KINDS: Final = (
    Kind("small", "a full export of a few files", small),
    Kind("media", "pictures beside labels, after an increment", with_media),
    Kind("spliced", "after 40 rounds of added, replaced, renamed and deleted files", long_life),
    Kind("deletions", "after increments that delete assets", after_deletions),
    Kind("delta", "the delta of an increment", delta),
    Kind("Unicode", "names of many scripts, and with special characters", odd_names),
    Kind(
        "shards", "a document whose shards are copied from the former archive", document_in_shards
    ),
    Kind("empty", "no files", no_files),
    Kind("70,000", "70,000 files", many_files, quick=False),
    Kind("4 GiB", "17 pictures of 256 MiB between labels, after an edit", above_4_gib, quick=False),
)
