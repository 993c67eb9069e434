"""Media of assets: what an export asks for, under which names, and what it has already.

A file is identified by its address without the signature, which changes on every fetch, and by the
name that it was asked for under: renaming an asset fetches its file again.
"""

import hashlib
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import ClassVar, Final

from kili_export.core.file_paths import member_path
from kili_export.core.pictures.names import LOADED, extension_for_kind
from kili_export.core.pictures.size import PictureHeader
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


class Measure(StrEnum):
    """Which size of a picture is read from its file where Kili does not know it.

    Its name is in the identity of what is asked for: change it when sizes are read otherwise, so
    that files whose sizes are stored are measured again.
    """

    AS_SDK = "size-2/sdk"
    AS_DISPLAYED = "size-2/displayed"


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A file that an archive shall hold. With `guessed` its extension may follow its type.

    `url` is its address, or the one that stands for the file of an answer. With `cut` the frames
    of the video are wanted instead of itself, `path` is what their names begin with. With
    `for_loaders` it is a picture for tools that know files by their extensions: where they would
    pass over it, or could not open it, its extension follows its contents. `measure` is given where
    its size is needed.
    """

    url: str
    path: str
    guessed: bool = True
    cut: FrameCut | None = None
    for_loaders: bool = False
    measure: Measure | None = None

    @property
    def identity(self) -> str:
        """The digest that tells whether it is still the same file under the same name."""
        shown = f"{without_signature(self.url)}\0{self.path}"
        if self.cut is not None:
            shown += f"\0{self.cut.digits}/{self.cut.rate}"
        if self.measure is not None:
            shown += f"\0{self.measure}"
        if self.for_loaders and PurePosixPath(self.path).suffix.lower() not in LOADED:
            shown += "\0by contents"
        return _digest(shown)

    def path_for(self, content_type: str, header: PictureHeader | None = None) -> str:
        """The file's path once its type is known: a name without a known extension gets one.

        `header` is what a picture's file tells of itself.
        """
        if self.for_loaders:
            kind = None if header is None else header.kind
            return self.path_with(extension_for_kind(PurePosixPath(self.path).suffix, kind))
        if not self.guessed:
            return self.path
        return member_path("", self.path + extension_for(self.path, content_type))

    def path_with(self, extension: str) -> str:
        """The path with that extension in place of its own."""
        return self.path.removesuffix(PurePosixPath(self.path).suffix) + extension

    def size_in(self, header: PictureHeader | None) -> tuple[int, int] | None:
        """Width and height in pixels, None where the file does not tell them."""
        if header is None:
            return None
        return header.displayed if self.measure is Measure.AS_DISPLAYED else header.in_sdk


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """The media of an asset that an archive holds already.

    `digest` stands for what was asked for, in that order; `paths` are the names of the files whose
    names were guessed, and then the extension of the pictures that have another one than was asked
    for; empty where each has the very name that was asked for. `size` is that of
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
        guessed: list[str] = []
        extensions: dict[str, None] = {}
        for one in requests:
            taken = list(islice(names, 1 if one.cut is None else frames))
            if one.for_loaders:
                extensions |= dict.fromkeys(PurePosixPath(path).suffix for path in taken)
            elif one.guessed:
                guessed += taken
        if len(guessed) > _MOST_PATHS or len(extensions) > 1:
            raise ValueError(f"{len(guessed)} files have names that were guessed")
        return cls(digest, (*guessed, *extensions), size, frames)

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
    if guessed is None:
        return tuple(file.path for one in requests for file in frame_requests(one, frames))
    remaining = iter(guessed)
    named = [next(remaining) if one.guessed and not one.for_loaders else "" for one in requests]
    extension = next(remaining, None)
    return tuple(
        name or (one.path_with(extension) if one.for_loaders and extension else file.path)
        for one, name in zip(requests, named, strict=True)
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
