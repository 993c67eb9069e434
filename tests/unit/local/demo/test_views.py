"""What the demo shows."""

import json
import re
import sys
from collections.abc import Callable

import pytest

from kili_export.local.demo.views import JsonView, LiveView, PlainView, Publication, View

PUBLISHED = Publication(
    export="yolo",
    generation=5,
    size=26_700,
    files=86,
    added=0,
    changed=1,
    removed=2,
    seconds=1.52,
)
SENTENCE = "yolo  generation 5 after 1.5 s: files +0 ~1 -2, 85 as before, archive of 26.7 kB"


def shown(view: View, capsys: pytest.CaptureFixture[str]) -> str:
    with view:
        view.step("Something is submitted")
        view.published(PUBLISHED)
        view.check("the archive is whole", ["a file differs"])
        view.end({"yolo": "/tmp/yolo.zip"}, 3.0, ok=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("view", [PlainView, LiveView])
def test_people_see_how_much_of_an_archive_is_as_before(
    view: type[View], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/kili-export", "demo"])
    monkeypatch.setenv("COLUMNS", "100")
    text = shown(view(), capsys)
    assert SENTENCE in text
    assert "NOT all checks held" in text
    lines = text.splitlines()
    assert lines[-2:] == [
        "Next, in your browser: .venv/bin/kili-export demo --view",
        "With your own project: KILI_API_KEY=YOUR_KEY .venv/bin/kili-export up",
    ]


def test_programs_get_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    step, published, check, end = map(json.loads, shown(JsonView(), capsys).splitlines())
    assert step == {"event": "step", "text": "Something is submitted"}
    assert (published["files"], published["changed"]) == (86, 1)
    assert check["problems"] == ["a file differs"]
    assert (end["ok"], end["archives"]) == (False, {"yolo": "/tmp/yolo.zip"})


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
    ids=["no terminal", "terminal", "NO_COLOR"],
)
def test_colours_are_for_terminals_that_want_them(
    variables: dict[str, str],
    coloured: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = shown(LiveView(), capsys)
    assert bool(re.search("\x1b\\[[0-9;]*3[1-7]", text)) is coloured
    assert ("\x1b" in text) is bool(variables)


@pytest.mark.parametrize("view", [PlainView, LiveView])
def test_what_was_looked_at_is_not_proposed_again(
    view: Callable[..., View], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "demo --view" in shown(view(), capsys)
    text = shown(view(looks=True), capsys)
    assert "demo --view" not in text
    assert "With your own project" in text
