"""Entries of a small archive, read in one request with the records that stand behind them."""

from dataclasses import dataclass, field, replace

from kili_export.runs.messages import ExportSegment
from kili_export.splicing.held_bytes import ByteSource, cut_held
from kili_export.splicing.splice import SplicePlan
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Piece, Source
from kili_export.storage.spool import Spool


@dataclass(slots=True)
class HeldEntries:
    """What a full export has at hand of its batches' entries: all of them, or none.

    An archive of up to `most` bytes of entries is assembled by the client, which has to read them
    anyway. Where they are more, nothing is held: the bucket copies them by itself.
    """

    most: int = 0
    _reserved: int = 0
    _spool: Spool = field(default_factory=Spool)
    _held: dict[Source, tuple[int, ByteSource]] = field(default_factory=dict)

    def reserve(self, segment: ExportSegment) -> bool:
        """Whether the segment's entries are to be read with its records, and held."""
        entries, records = segment.entries, segment.records
        self._reserved += entries.length
        if self._reserved > self.most:
            self._spool = Spool()
            self._held.clear()
            return False
        return 0 < entries.length == records.start - entries.start

    def hold(self, source: Source, start: int, data: bytes) -> None:
        """Takes in entries of `source` from byte `start` on."""
        if self._reserved <= self.most:
            at = len(self._spool)
            self._spool.write(data)
            self._held[source] = (start, cut_held(self._spool, at, at + len(data)))

    def put_into(self, plan: SplicePlan) -> SplicePlan:
        """The plan with bytes at hand in place of the ranges that they were read from."""
        return replace(plan, pieces=[self._at_hand(piece) for piece in plan.pieces])

    def _at_hand(self, piece: Piece) -> Piece:
        if not isinstance(piece, CopyRange) or piece.source not in self._held:
            return piece
        start, data = self._held[piece.source]
        first = piece.start - start
        if first < 0 or first + piece.length > len(data):
            return piece
        return InlineBytes(cut_held(data, first, first + piece.length))
