"""The watch over everything that is logged sees what it is there for."""

import logging
from pathlib import Path

import pytest

from tests.support.leak_watch import LeakWatch, private_lines, private_parts


@pytest.mark.parametrize(
    "text",
    [
        "GET https://storage.example/a.jpg?X-Amz-Signature=0f",
        "https://files.example/a?expires=1&sig=0f",
        "Authorization: X-API-Key: abc",
        "label of alice@example.com",
        '{"boundingPoly": [{"normalizedVertices": []}]}',
    ],
)
def test_what_is_private_is_seen(text: str) -> None:
    assert private_parts(text)


@pytest.mark.parametrize(
    "text", ["https://storage.example/a.jpg?…", "X-API-Key: ***", "asset cmk0 of project cmk1"]
)
def test_what_is_not_private_is_left_alone(text: str) -> None:
    assert private_parts(text) == []


def test_a_record_with_its_traceback_is_searched(leak_watch: LeakWatch) -> None:
    try:
        int("bob@example.com")
    except ValueError:
        logging.getLogger("kili_export.anything").debug("it failed", exc_info=True)
    assert any("bob@example.com" in found for found in leak_watch.take())


def test_log_files_are_searched(tmp_path: Path) -> None:
    (tmp_path / "webhook-0.log").write_text("fine\nalice@example.com\n")
    [found] = private_lines(tmp_path)
    assert found.startswith("webhook-0.log: ")
