"""Names of members: safe wherever they are unpacked, unchanged where they are ordinary."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.file_paths import member_path, safe_path

hostile = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=40),
        st.sampled_from(["..", ".", "/", "\\", "//", "../", "..\\", "\x00", "C:", "CON", "~", " "]),
        st.text("é.", min_size=100, max_size=400),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    "name",
    [
        "a b.jpg",
        "dir one/car 1.jpg",
        "é/日本.webp",
        "12:30:05.jpg",
        'quo"te?.png',
        "UPPER.JPG",
        ".hidden",
        "a..b",
        "...x",
        "console.txt",
        "com10.jpg",
        "x" * 255,
    ],
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_path(name) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x", "abs/x"),
        ("a\\..\\b", "a/b"),
        ("", "_"),
        ("/", "_"),
        ("../..", "_"),
        ("a\x00\n\x7f\x9fb", "a____b"),
        ("a. ", "a__"),
        ("...", "___"),
        ("CON", "_CON"),
        ("x/lpt1.tar.gz", "x/_lpt1.tar.gz"),
        ("\ud800", "_"),
    ],
)
def test_unsafe_names_are_changed_in_the_unsafe_place_alone(name: str, safe: str) -> None:
    assert safe_path(name) == safe


def test_long_parts_keep_their_extension_and_stay_distinct() -> None:
    one, two = safe_path("é" * 300 + "1.jpeg"), safe_path("é" * 300 + "2.jpeg")
    assert one != two
    assert one.endswith(".jpeg")
    assert len(one.encode()) <= 255


def test_deep_folders_are_replaced_by_one() -> None:
    path = safe_path("folder/" * 1000 + "a.jpg")
    assert path.count("/") == 1
    assert path.endswith("/a.jpg")
    assert path != safe_path("folder/" * 1001 + "a.jpg")


def test_a_suffix_shortens_the_last_part_alone() -> None:
    name = safe_path("d/" + "x" * 255)
    path = member_path("labels", f"{name}_label1.txt")
    assert path.startswith("labels/d/xxx")
    assert path.endswith(".txt")
    assert len(path.split("/")[-1]) == 255
    assert member_path("", "a.txt") == "a.txt"


@given(hostile)
def test_any_name_becomes_a_relative_path_of_plain_parts(name: str) -> None:
    path = safe_path(name)
    assert path
    for part in path.split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= 255
        assert part.isprintable() or not any(character < " " for character in part)
    assert "\\" not in path
    assert len(path.encode()) <= 2000 + 1 + 255


@given(hostile)
def test_a_safe_name_is_safe_already(name: str) -> None:
    assert safe_path(safe_path(name)) == safe_path(name)


@given(hostile)
def test_unpacking_stays_in_its_folder(name: str) -> None:
    path = member_path("labels", f"{safe_path(name)}.txt")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(path, b"")
    with zipfile.ZipFile(archive) as opened:
        # The reader cleans names as well: ours must need no cleaning.
        assert opened.namelist() == [path]
        target = Path("/somewhere/target") / path
        assert target.resolve().is_relative_to("/somewhere/target/labels")
