"""Which paths a folder lets be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.reading.folder_change import checked_path


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/.", "a\\..\\x", "a\x00b",
        "a\nb", ".kili-export/state.json", ".KILI-Export/lock",
    ],
)  # fmt: skip
def test_paths_that_could_leave_the_folder_or_touch_its_state_are_refused(path: str) -> None:
    with pytest.raises(IntegrityError, match="must not be written"):
        checked_path(path)


@pytest.mark.parametrize("path", ["a", "a/b c.txt", "..a/b..", "é/ü.json", "x/.kili-export"])
def test_ordinary_paths_are_written(path: str) -> None:
    assert checked_path(path) == path


@given(st.text("a./\\\n\x1f .é", max_size=8))
def test_a_path_is_refused_for_any_part_that_leads_elsewhere(path: str) -> None:
    parts = path.split("/")
    is_safe = not any(part in {"", ".", ".."} for part in parts) and path.isprintable()
    try:
        assert checked_path(path) == path
    except IntegrityError:
        assert not is_safe or "\\" in path
    else:
        assert is_safe
