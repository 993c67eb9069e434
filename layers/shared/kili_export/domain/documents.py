"""Spanning documents out of the fragments of all assets."""

from collections.abc import Callable, Iterator, Sequence

from kili_export.domain.formats.base import FragmentStream, SpanningDocument

ReadStream = Callable[[str], Iterator[bytes]]
"""The fragments of a stream, in server order."""


def streams_of(documents: Sequence[SpanningDocument]) -> dict[str, bytes]:
    """The separator of every stream that the documents are made of."""
    return {
        section.stream: section.separator
        for document in documents
        for section in document.sections
        if isinstance(section, FragmentStream)
    }


def render(document: SpanningDocument, read: ReadStream) -> bytes | None:
    """The document's contents, or None when there is to be no such file.

    `read` gives a stream's fragments with their separators already between them.
    """
    chunks: list[bytes] = []
    found = False
    for section in document.sections:
        if isinstance(section, bytes):
            chunks.append(section)
            continue
        for chunk in read(section.stream):
            found = True
            chunks.append(chunk)
    has_streams = any(isinstance(section, FragmentStream) for section in document.sections)
    if has_streams and not found:
        return None if document.omit_when_empty else _empty(document, chunks)
    return b"".join(chunks)


def _empty(document: SpanningDocument, chunks: Sequence[bytes]) -> bytes:
    return b"".join(chunks) if document.when_empty is None else document.when_empty
