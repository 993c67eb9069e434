"""Extensions under which loaders find pictures."""

import pytest

from kili_export.core.pictures.names import LOADED, extension_for_kind, usual_extension
from kili_export.core.pictures.size import PictureKind


@pytest.mark.parametrize(
    ("extension", "usual"),
    [
        (".jfif", ".jpg"),
        (".JFIF", ".jpg"),
        (".jfi", ".jpg"),
        (".jif", ".jpg"),
        (".jpe", ".jpg"),
        (".pjpeg", ".jpg"),
        (".pjp", ".jpg"),
        (".mpo", ".jpg"),
        (".apng", ".png"),
        (".dib", ".bmp"),
        ("", ".jpg"),
        (".JPG", ".JPG"),
        (".TIFF", ".TIFF"),
        (".gif", ".gif"),
        (".svg", ".svg"),
    ],
)
def test_other_names_of_the_same_files_become_the_usual_one(extension: str, usual: str) -> None:
    assert usual_extension(extension) == usual
    assert usual_extension(usual) == usual


@pytest.mark.parametrize(
    ("extension", "kind", "expected"),
    [
        # Found by its name, and known by its contents: nobody minds which of these it is called.
        (".jpg", PictureKind.JPEG, ".jpg"),
        (".JPG", PictureKind.PNG, ".JPG"),
        (".png", PictureKind.WEBP, ".png"),
        (".tiff", PictureKind.TIFF, ".tiff"),
        (".dng", PictureKind.TIFF, ".dng"),
        # What would not be found, or not opened, is called what it is.
        (".ico", PictureKind.PNG, ".png"),
        (".gif", PictureKind.JPEG, ".jpg"),
        (".svg", PictureKind.BMP, ".bmp"),
        (".jpg", PictureKind.GIF, ".gif"),
        (".jpg", PictureKind.AVIF, ".avif"),
        (".png", PictureKind.HEIC, ".heic"),
        (".jpg", PictureKind.JPEG2000, ".jp2"),
        (".bmp", PictureKind.ICON, ".ico"),
        (".jpg", PictureKind.NETPBM, ".pnm"),
        (".dng", PictureKind.GIF, ".gif"),
        # And what is called what it is stays so.
        (".GIF", PictureKind.GIF, ".GIF"),
        (".heif", PictureKind.HEIC, ".heif"),
        (".ppm", PictureKind.NETPBM, ".ppm"),
        (".jpg", None, ".jpg"),
        (".gif", None, ".gif"),
    ],
)
def test_the_extension_follows_the_contents_where_loaders_need_it(
    extension: str, kind: PictureKind | None, expected: str
) -> None:
    assert extension_for_kind(extension, kind) == expected


@pytest.mark.parametrize("kind", PictureKind)
@pytest.mark.parametrize("extension", sorted({*LOADED, ".gif", ".ico", ".dng", ".svg"}))
def test_no_picture_is_found_under_a_name_by_which_it_cannot_be_opened(
    extension: str, kind: PictureKind
) -> None:
    named = extension_for_kind(extension, kind)
    assert (named in LOADED) == (kind.value in LOADED) or named == ".dng"
