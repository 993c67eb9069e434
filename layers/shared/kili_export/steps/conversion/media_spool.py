"""A file on disk with the media of a batch, so that memory holds a few parts of an upload."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from kili_export.core.errors import AssetError
from kili_export.splicing.upload_parts import InlineBytes, Piece
from kili_export.steps.conversion.asset_source import FetchedMedium


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Bytes of a file at most, and bytes on disk after which what was fetched is stored."""

    largest_file: int = 256 << 20
    spooled: int = 128 << 20

    @property
    def most(self) -> int:
        """Bytes on disk at most: a file that comes last may still be as large as any."""
        return self.spooled + self.largest_file


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A fetched file, and where it begins in the spool."""

    start: int
    medium: FetchedMedium


class MediaSpool:
    """The file, which exists while something is in it. Its limits bound what it takes."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._file: IO[bytes] | None = None

    @property
    def file(self) -> IO[bytes]:
        """The file, to be written at its end."""
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - closed by `empty`
        return self._file

    @property
    def is_full(self) -> bool:
        """Whether what is in it is due to be stored."""
        return self._file is not None and self._file.tell() >= self._limits.spooled

    def largest(self, asset_id: str) -> int:
        """The bytes that a file may have now. Raises AssetError when there is no room at all."""
        return min(self._limits.largest_file, self.room(asset_id))

    def room(self, asset_id: str) -> int:
        """The bytes that are left. Raises AssetError when there are none."""
        room = self._limits.most - self.file.tell()
        if room <= 0:
            raise self.no_room(asset_id)
        return room

    def no_room(self, asset_id: str) -> AssetError:
        """The error of an asset whose media do not fit."""
        return AssetError(
            f"its media take more than {self._limits.most} bytes together; a larger"
            " MEDIA_FILE_LIMIT (MediaFileLimit of the template) lets them pass",
            asset_id=asset_id,
        )

    def read(self, spooled: SpooledFile, offset: int, length: int) -> bytes:
        """Bytes of one of its files: fewer where that ends before."""
        end = self.file.tell()
        try:
            self.file.seek(spooled.start + offset)
            return self.file.read(max(0, min(length, spooled.medium.size - offset)))
        finally:
            self.file.seek(end)

    def pieces(self, entries: Sequence[tuple[bytes, SpooledFile]]) -> list[Piece]:
        """Headers with their files, these as views: they are read when they are sent."""
        view = memoryview(b"")
        if self._file is not None and self._file.tell():
            self._file.flush()
            view = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        pieces: list[Piece] = []
        for header, spooled in entries:
            pieces.append(InlineBytes(header))
            if spooled.medium.size:
                end = spooled.start + spooled.medium.size
                pieces.append(InlineBytes(view[spooled.start : end]))
        return pieces

    def empty(self) -> None:
        """Drops everything that is in it."""
        if self._file is not None:
            self._file.close()
            self._file = None
