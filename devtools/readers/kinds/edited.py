"""Archives in memory that the splicing engine edits, step by step."""

from collections.abc import Iterable, Mapping, Sequence

from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import Segment, SegmentBuilder
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.splicing.upload_parts import CopyRange, Piece, Source

_KEY = "archive"


class EditedArchive:
    """An archive beside the files that it must hold."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.data = b""
        self._plan: SplicePlan | None = None

    @property
    def base(self) -> BaseArchive | None:
        """The archive as the engine sees it. None before the first edit."""
        if self._plan is None:
            return None
        source = Source(_KEY, "etag", len(self.data))
        return BaseArchive(source, self._plan.directory, self._plan.regions)

    def edit(self, coming: Mapping[str, bytes], going: Iterable[str] = ()) -> None:
        """Takes files out, and adds or replaces others."""
        leaving = list(going)
        additions = [AddedEntries.inline(segment_of(coming), Region.LABELS)] if coming else []
        self.splice(additions, leaving)
        for name in leaving:
            del self.files[name]
        self.files |= coming

    def splice(self, additions: Sequence[AddedEntries], going: Iterable[str] = ()) -> None:
        """The same for additions whose files the caller keeps account of."""
        self._plan = splice(self.base, going, additions)
        self.data = b"".join(self._bytes(piece) for piece in self._plan.pieces)

    def _bytes(self, piece: Piece) -> bytes | memoryview:
        if isinstance(piece, CopyRange):
            return memoryview(self.data)[piece.start : piece.start + piece.length]
        return bytes(piece.data[:])


def segment_of(files: Mapping[str, bytes]) -> Segment:
    """The files as entries one after another."""
    builder = SegmentBuilder()
    for path, data in files.items():
        builder.add(encode_entry(path, data, owner="asset"))
    return builder.finish()
