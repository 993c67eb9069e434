"""Media of assets: what an export asks for, under which names, and what it has already.

A file is told by its address without the signature, which changes on every fetch, and by the
name that it was asked for under: renaming an asset fetches its file again.
"""

import hashlib
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import ClassVar, Final

from kili_export.core.file_paths import member_path
from kili_export.core.urls import without_signature

_MOST_PATHS: Final = 4
# The tables of Python alone: what a machine has in /etc/mime.types must not show in an archive.
_TYPES: Final = mimetypes.MimeTypes()
_TYPES.add_type("image/webp", ".webp")  # Python has it since 3.13


@dataclass(frozen=True, slots=True)
class FrameCut:
    """How a video is cut into frames, whose numbers have `digits` digits at least.

    `rate` is frames a second; None takes each frame as it is decoded, AS_STORED as many a second
    as the file says.
    """

    AS_STORED: ClassVar = "source_fps"

    digits: int
    rate: str | None = None


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A file that an archive shall hold. With `guessed` its extension may follow its type.

    `url` is its address, or the one that stands for the file of an answer. With `cut` the frames
    of the video are wanted instead of itself, `path` is what their names begin with.
    """

    url: str
    path: str
    guessed: bool = True
    cut: FrameCut | None = None

    @property
    def identity(self) -> str:
        """The digest that tells whether it is still the same file under the same name."""
        shown = f"{without_signature(self.url)}\0{self.path}"
        if self.cut is not None:
            shown += f"\0{self.cut.digits}/{self.cut.rate}"
        return _digest(shown)

    def path_for(self, content_type: str) -> str:
        """The file's path once its type is known: a name without a known extension gets one."""
        if not self.guessed:
            return self.path
        return member_path("", self.path + extension_for(self.path, content_type))


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """The media of an asset that an archive holds already.

    `digest` stands for what was asked for, in that order; `paths` are the names of the files whose
    names were guessed, empty where each has the very name that was asked for. `size` is that of
    the first picture, width and height in pixels, None where its file does not tell. `frames` is
    how many frames the video has that was cut.
    """

    digest: str
    paths: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    frames: int = 0

    @classmethod
    def of(
        cls,
        requests: Sequence[MediaRequest],
        paths: Sequence[str],
        size: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> "KnownMedia":
        """What is known once the requests were met. Raises ValueError for too many guessed names.

        Videos have thousands of frames, whose names are never guessed and need no list.
        """
        digest = media_digest(requests)
        if tuple(paths) == _names(requests, None, frames):
            return cls(digest, (), size, frames)
        names = iter(paths)
        guessed = []
        for one in requests:
            taken = list(islice(names, 1 if one.cut is None else frames))
            guessed += taken if one.guessed else []
        if len(guessed) > _MOST_PATHS:
            raise ValueError(f"{len(guessed)} files have names that were guessed")
        return cls(digest, tuple(guessed), size, frames)

    def paths_of(self, requests: Sequence[MediaRequest]) -> tuple[str, ...] | None:
        """The names of the requested files, None when these are not the ones that are known."""
        if self.digest != media_digest(requests):
            return None
        return _names(requests, self.paths or None, self.frames)


def frame_address(url: str, cut: FrameCut, number: int) -> str:
    """An address of our own that stands for a frame of a video, counted from 1."""
    return f"kili-frame:{number}:{cut.rate}:{url}"


def frame_requests(request: MediaRequest, frames: int) -> list[MediaRequest]:
    """The frames that a video was cut into, each as a file of its own, by addresses of our own."""
    if request.cut is None:
        return [request]
    cut = request.cut
    return [
        MediaRequest(
            frame_address(request.url, cut, number),
            f"{request.path}_{str(number).zfill(cut.digits)}.jpg",
            guessed=False,
        )
        for number in range(1, frames + 1)
    ]


def _names(
    requests: Sequence[MediaRequest], guessed: Sequence[str] | None, frames: int
) -> tuple[str, ...]:
    remaining = iter(guessed or ())
    return tuple(
        next(remaining) if one.guessed and guessed is not None else file.path
        for one in requests
        for file in frame_requests(one, frames)
    )


def media_digest(requests: Sequence[MediaRequest]) -> str:
    """The digest of all that is asked for of one asset."""
    return _digest("".join(request.identity for request in requests))


def extension_for(name: str, content_type: str) -> str:
    """The extension that a name lacks, by its contents' type; empty when it has a known one."""
    if PurePosixPath(name).suffix.lower() in _TYPES.types_map[True]:
        return ""
    return _TYPES.guess_extension(content_type.partition(";")[0].strip()) or ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
