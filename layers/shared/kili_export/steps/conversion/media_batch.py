"""Brings media into a batch: fetched once, spooled to a file, written as entries of archives.

A file on disk holds what was fetched, so that memory holds a few parts of an upload at most.
Each export has media objects of its own, whose entries follow each other as its archive will
have them: what is large is then copied by the bucket itself.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import AssetError, ExportError, RequestRefused, Unavailable
from kili_export.core.file_dates import date_of, moments_of
from kili_export.core.media import FrameCut, KnownMedia, MediaRequest, frame_address, frame_requests
from kili_export.core.pictures.size import HEAD_BYTES, PictureHeader, picture_header
from kili_export.runs.messages import MediaObject
from kili_export.runs.segment_records import AssetMedia, ConvertedMedium
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import plan_parts
from kili_export.splicing.zip_headers import local_header
from kili_export.steps.conversion.asset_source import AssetSource, FetchedMedium
from kili_export.steps.conversion.ffmpeg import FrameCutter
from kili_export.steps.conversion.media_spool import MediaLimits, MediaSpool, SpooledFile
from kili_export.storage.object_store import ObjectStore

_UPLOAD: Final = PartLimits(rewrite_below=0)
_AT_ONCE: Final = 8
_IN_MEMORY: Final = 1 << 20
_NO_CUTTER: Final = (
    "The video has no frames of its own, and cutting it needs ffmpeg, which is not there; deploy"
    " with FfmpegLayerArn, export with with_assets set to false, or have Kili split the project's"
    " videos into frames."
)


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """The files that requests led to: more than were asked for where a video was cut."""

    requests: tuple[MediaRequest, ...]
    files: tuple[MediaRequest, ...]
    paths: tuple[str, ...]
    frames: int


@dataclass(slots=True)
class _ExportMedia:
    """One export's entries that are not stored yet: headers and places in the spool, in order."""

    objects: list[MediaObject] = field(default_factory=list)
    entries: list[tuple[bytes, SpooledFile]] = field(default_factory=list)
    size: int = 0


class MediaBatch:
    """The media of one batch. A context: what is spooled goes with it."""

    def __init__(
        self,
        objects: ObjectStore,
        kili: AssetSource,
        limits: MediaLimits,
        new_key: Callable[[], str],
        cutter: FrameCutter,
    ) -> None:
        self._objects = objects
        self._kili = kili
        self._limits = limits
        self._spool = MediaSpool(limits)
        self._new_key = new_key
        self._cutter = cutter
        self._exports: dict[str, _ExportMedia] = defaultdict(_ExportMedia)
        self._spooled: dict[str, SpooledFile] = {}
        self._headers: dict[str, PictureHeader | None] = {}
        self._cut_into: dict[tuple[str, str | None], int] = {}
        self._refused: dict[str, str] = {}
        self._succeeded = False
        self._silent: set[str] = set()
        self._unreachable: set[str] = set()

    def __enter__(self) -> "MediaBatch":
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()

    def fetch(self, asset_id: str, requests: Sequence[MediaRequest]) -> FetchedFiles:
        """Fetches and cuts what was not there before.

        Raises AssetError when one of the files cannot be had.
        """
        cuts = [self._cut(asset_id, one.url, one.cut) for one in requests if one.cut]
        frames = max(cuts, default=0)
        files = tuple(file for one in requests for file in frame_requests(one, frames))
        if len(files) > _AT_ONCE:
            self._fetch_together(asset_id, [file.url for file in files])
        paths = tuple(self._path(asset_id, file) for file in files)
        return FetchedFiles(tuple(requests), files, paths, frames)

    def _path(self, asset_id: str, file: MediaRequest) -> str:
        fetched = self._fetched(asset_id, file.url)
        header = self._header(file.url) if file.for_loaders else None
        return file.path_for(fetched.medium.content_type, header)

    def add(self, export: str, asset: FetchedAsset, fetched: FetchedFiles) -> AssetMedia:
        """Adds files that were just fetched to an export's archive; the first of a name counts."""
        kept: dict[str, MediaRequest] = {}
        for request, path in zip(fetched.files, fetched.paths, strict=True):
            kept.setdefault(path, request)
        media = tuple(
            self._add(self._exports[export], asset, path, request) for path, request in kept.items()
        )
        size = self.size_of(fetched)
        known = KnownMedia.of(fetched.requests, fetched.paths, size, fetched.frames)
        return AssetMedia(known, media)

    def size_of(self, fetched: FetchedFiles) -> tuple[int, int] | None:
        """Width and height of the first of the files that were just fetched, if it is a picture."""
        if not fetched.files:
            return None
        first = fetched.files[0]
        return first.size_in(self._header(first.url))

    def _header(self, url: str) -> PictureHeader | None:
        """What a file that was just fetched tells of itself; None when it is no picture."""
        if url in self._headers:
            return self._headers[url]
        read = partial(self._spool.read, self._spooled[url])
        self._headers[url] = picture_header(read(0, HEAD_BYTES), read)
        return self._headers[url]

    def store_if_full(self) -> None:
        """Stores what was added when it takes too much room. Between assets only."""
        if self._spool.is_full:
            self.store()

    @property
    def unreachable(self) -> frozenset[str]:
        """The assets whose storage did not answer, if no medium at all could be fetched."""
        return frozenset() if self._succeeded else frozenset(self._unreachable)

    def store(self) -> None:
        """Stores what was added."""
        for export in self._exports.values():
            if export.entries:
                self._store(export)
        self._forget()

    def objects_of(self, export: str) -> tuple[MediaObject, ...]:
        """What was stored for an export."""
        return tuple(self._exports[export].objects) if export in self._exports else ()

    def _fetched(self, asset_id: str, url: str) -> SpooledFile:
        if url in self._refused:
            raise self._refused_before(asset_id, url)
        if url not in self._spooled:
            self._spooled[url] = self._fetch(asset_id, url)
        return self._spooled[url]

    def _fetch(self, asset_id: str, url: str) -> SpooledFile:
        spool = self._spool.file
        start = spool.tell()
        try:
            medium = self._kili.fetch_media(url, spool, largest=self._spool.largest(asset_id))
        except (RequestRefused, Unavailable) as error:
            raise self._refusal(asset_id, url, error) from error
        self._succeeded = True
        return SpooledFile(start, medium)

    def _cut(self, asset_id: str, url: str, cut: FrameCut) -> int:
        """Cuts a video unless that was done, and answers how many frames it has."""
        done = (url, cut.rate)
        if done not in self._cut_into:
            if not self._cutter.is_there():
                raise AssetError(_NO_CUTTER, asset_id=asset_id)
            video = self._fetched(asset_id, url)
            try:
                self._cut_into[done] = self._spool_frames(asset_id, url, cut, video)
            except RequestRefused as error:
                raise AssetError(
                    f"its video has no frames to show: {error}", asset_id=asset_id
                ) from error
        return self._cut_into[done]

    def _spool_frames(self, asset_id: str, url: str, cut: FrameCut, video: SpooledFile) -> int:
        spool, number = self._spool.file, 0
        pictures = self._cutter.cut(spool, video.start, video.medium.size, cut)
        with closing(pictures):
            for number, picture in enumerate(pictures, start=1):
                if len(picture) > self._spool.room(asset_id):
                    raise self._spool.no_room(asset_id)
                start = spool.tell()
                spool.write(picture)
                medium = FetchedMedium(
                    len(picture),
                    zlib.crc32(picture),
                    hashlib.sha256(picture).hexdigest(),
                    "image/jpeg",
                )
                address = frame_address(url, cut, number)
                self._spooled[address] = SpooledFile(start, medium)
        if not number:
            raise RequestRefused("ffmpeg finds none in it")
        return number

    def _fetch_together(self, asset_id: str, urls: Sequence[str]) -> None:
        """Fetches many small files, such as the frames of a video, several at once."""
        known = self._spooled.keys() | self._refused.keys()
        waiting = iter([url for url in dict.fromkeys(urls) if url not in known])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while group := list(islice(waiting, _AT_ONCE)):
                largest = min(self._limits.largest_file // _AT_ONCE, self._spool.largest(asset_id))
                fetch = partial(self._kili.fetch_media, largest=largest)
                with ExitStack() as stack:
                    pending = [
                        (url, held, pool.submit(fetch, url, held))
                        for url in group
                        for held in [stack.enter_context(SpooledTemporaryFile(_IN_MEMORY))]
                    ]
                    wait(future for _, _, future in pending)
                    for url, held, future in pending:
                        self._take(asset_id, url, held, future)

    def _take(
        self, asset_id: str, url: str, held: IO[bytes], future: "Future[FetchedMedium]"
    ) -> None:
        try:
            medium = future.result()
        except (RequestRefused, Unavailable) as error:
            raise self._refusal(asset_id, url, error) from error
        spool = self._spool.file
        start = spool.tell()
        held.seek(0)
        copyfileobj(held, spool)
        self._succeeded = True
        self._spooled[url] = SpooledFile(start, medium)

    def _refusal(self, asset_id: str, url: str, error: ExportError) -> AssetError:
        if isinstance(error, Unavailable):
            self._silent.add(url)
        self._refused[url] = f"its media cannot be read: {error}"
        return self._refused_before(asset_id, url)

    def _refused_before(self, asset_id: str, url: str) -> AssetError:
        if url in self._silent:
            self._unreachable.add(asset_id)
        return AssetError(self._refused[url], asset_id=asset_id)

    def _add(
        self, export: _ExportMedia, asset: FetchedAsset, path: str, request: MediaRequest
    ) -> ConvertedMedium:
        spooled = self._fetched(asset.asset_id, request.url)
        medium = spooled.medium
        # By what tells the file, and not by labels: those change, and the file does not.
        modified = date_of(moments_of(asset.created_at), request.identity)
        header = local_header(
            path,
            method=STORED,
            crc32=medium.crc32,
            size=medium.size,
            compressed_size=medium.size,
            modified=modified,
        )
        record = Record(
            path=path,
            owner=asset.asset_id,
            crc32=medium.crc32,
            size=medium.size,
            compressed_size=medium.size,
            method=STORED,
            offset=export.size,
            local_length=len(header) + medium.size,
            modified=modified,
        )
        export.entries.append((header, spooled))
        export.size += record.local_length
        return ConvertedMedium(record, medium.sha256, request.identity, len(export.objects))

    def _store(self, export: _ExportMedia) -> None:
        pieces = self._spool.pieces(export.entries)
        stored = self._objects.compose(
            self._new_key(), plan_parts(pieces, _UPLOAD), if_none_match=True
        )
        export.objects.append(MediaObject(key=stored.key, etag=stored.etag, size=stored.size))
        export.entries.clear()
        export.size = 0

    def _forget(self) -> None:
        self._spooled.clear()
        self._headers.clear()
        self._cut_into.clear()
        self._spool.empty()
