"""Media of assets: what an export asks for, under which names, and what it has already.

A file is told by its address without the signature, which changes on every fetch, and by the
name that it was asked for under: renaming an asset fetches its file again.
"""

import hashlib
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from kili_export.domain.names import member_path
from kili_export.domain.urls import without_signature

_MOST_PATHS: Final = 4
# The tables of Python alone: what a machine has in /etc/mime.types must not show in an archive.
_TYPES: Final = mimetypes.MimeTypes()
_TYPES.add_type("image/webp", ".webp")  # Python has it since 3.13


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A file that an archive shall hold. With `guessed` its extension may follow its type.

    `url` is its address, or the one that stands for the file of an answer.
    """

    url: str
    path: str
    guessed: bool = True

    @property
    def identity(self) -> str:
        """The digest that tells whether it is still the same file under the same name."""
        return _digest(f"{without_signature(self.url)}\0{self.path}")

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
    the first picture, width and height in pixels, None where its file does not tell.
    """

    digest: str
    paths: tuple[str, ...] = ()
    size: tuple[int, int] | None = None

    @classmethod
    def of(
        cls,
        requests: Sequence[MediaRequest],
        paths: Sequence[str],
        size: tuple[int, int] | None = None,
    ) -> "KnownMedia":
        """What is known once the requests were met. Raises ValueError for too many guessed names.

        Videos have thousands of frames, whose names are never guessed and need no list.
        """
        if all(one.path == path for one, path in zip(requests, paths, strict=True)):
            return cls(media_digest(requests), size=size)
        guessed = tuple(path for one, path in zip(requests, paths, strict=True) if one.guessed)
        if len(guessed) > _MOST_PATHS:
            raise ValueError(f"{len(guessed)} files have names that were guessed")
        return cls(media_digest(requests), guessed, size)

    def paths_of(self, requests: Sequence[MediaRequest]) -> tuple[str, ...] | None:
        """The names of the requested files, None when these are not the ones that are known."""
        if self.digest != media_digest(requests):
            return None
        if not self.paths:
            return tuple(request.path for request in requests)
        guessed = iter(self.paths)
        return tuple(next(guessed) if one.guessed else one.path for one in requests)


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
