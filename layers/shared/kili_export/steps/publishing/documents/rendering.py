"""Spanning documents out of the fragments of all assets."""

from collections.abc import Mapping, Sequence

from kili_export.formats.common.format import FragmentStream, SpanningDocument
from kili_export.splicing.held_bytes import ByteSource


def streams_of(documents: Sequence[SpanningDocument]) -> dict[str, bytes]:
    """The separator of every stream that the documents are made of."""
    return {
        section.stream: section.separator
        for document in documents
        for section in document.sections
        if isinstance(section, FragmentStream)
    }


def render(
    document: SpanningDocument, streams: Mapping[str, ByteSource]
) -> Sequence[ByteSource] | None:
    """The document's contents, piece by piece, or None when there is to be no such file.

    `streams` are the fragments in server order, with their separators already between them.
    """
    pieces = [
        section if isinstance(section, bytes) else streams[section.stream]
        for section in document.sections
    ]
    drawn = [streams[one.stream] for one in document.sections if isinstance(one, FragmentStream)]
    if drawn and not any(len(stream) for stream in drawn):
        if document.omit_when_empty:
            return None
        if document.when_empty is not None:
            return [document.when_empty]
    return pieces
