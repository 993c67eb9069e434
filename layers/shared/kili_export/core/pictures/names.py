"""Extensions under which the loaders of trainers find pictures.

Ultralytics, YOLOv5, YOLOv7 and supervision list a folder and pass over every file whose extension
they do not know; then they look at what is in it. `LOADED` is what all of them take.
"""

from typing import Final

from kili_export.core.pictures.size import PictureKind

LOADED: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
DECODED: Final = LOADED | {".avif", ".dng", ".gif", ".ico", ".jp2", ".pbm", ".pgm", ".pnm", ".ppm"}
"""What OpenCV or Pillow opens: enough where a file is named and its folder is not searched."""

_LOADED_KINDS: Final = frozenset(
    {
        PictureKind.BMP,
        PictureKind.JPEG,
        PictureKind.PNG,
        PictureKind.TIFF,
        PictureKind.WEBP,
    }
)
# Other names for the very same files.
_USUAL: Final = {
    ".jfi": ".jpg",
    ".jfif": ".jpg",
    ".jif": ".jpg",
    ".jpe": ".jpg",
    ".mpo": ".jpg",  # a JPEG with further pictures behind it
    ".pjp": ".jpg",
    ".pjpeg": ".jpg",
    ".apng": ".png",
    ".dib": ".bmp",
}
_NAMED: Final = {
    ".avif": PictureKind.AVIF,
    ".gif": PictureKind.GIF,
    ".heic": PictureKind.HEIC,
    ".heif": PictureKind.HEIC,
    ".ico": PictureKind.ICON,
    ".jp2": PictureKind.JPEG2000,
    ".pbm": PictureKind.NETPBM,
    ".pgm": PictureKind.NETPBM,
    ".pnm": PictureKind.NETPBM,
    ".ppm": PictureKind.NETPBM,
}


def usual_extension(extension: str) -> str:
    """The extension, or the usual one of the same files: `.jfif` is `.jpg`.

    A name without one is taken for a JPEG's: loaders look at the contents of what they found.
    """
    return _USUAL.get(extension.lower(), extension) or PictureKind.JPEG.value


def extension_for_kind(extension: str, kind: PictureKind | None) -> str:
    """The extension of a picture of that kind, which is kept where loaders go on from it.

    What they find by its name and cannot open, and what they could open and do not find, is
    named for what it is. Contents of an unknown kind (None) leave the extension as it is.
    """
    named = extension.lower()
    if kind is None or _NAMED.get(named) is kind:
        return extension
    if named in LOADED and kind in _LOADED_KINDS:
        return extension
    if named == ".dng" and kind is PictureKind.TIFF:
        return extension
    return kind.value
