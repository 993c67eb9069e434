"""The recorded session shows every command, and no secret."""

import re
from pathlib import Path

from devtools.transcript.session import PARTS, START
from tests.support.every_command import ALL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "transcript.md"


def test_every_command_is_typed() -> None:
    lines = [START, *(step.line for part in PARTS for step in part.steps)]
    missing = [
        str(command)
        for command in ALL
        if not any(re.match(rf"kili-export {command}\b", line) for line in lines)
    ]
    assert missing == []


def test_the_page_is_of_this_session() -> None:
    page = PAGE.read_text("utf-8")
    typed = re.findall(r"(?m)^\$ (kili-export.*?)(?: > output\.txt 2>&1)?$", page)
    expected = [re.escape(step.line) for part in PARTS for step in part.steps]
    shapes = [line.replace("PROJECT_ID", r"\w+") for line in expected]
    assert len(typed) == len(shapes) + 1
    left = list(typed)
    left.remove(START)
    assert [
        line for line, shape in zip(left, shapes, strict=True) if not re.fullmatch(shape, line)
    ] == []


def test_the_page_holds_no_secret() -> None:
    page = PAGE.read_text("utf-8")
    [shown] = re.findall(r"(?s)\$ kili-export credentials\n(.*?)```", page)
    assert re.findall(r"(?m)^(?:\w+: …)$", shown) == shown.splitlines()
