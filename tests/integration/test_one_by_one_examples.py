"""The examples of docs/how-to/one-by-one.md print what the page says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "one-by-one.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ kili-export (.*)\n((?:.*\n)*?)```", PAGE)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    world = KiliWorld(api_key="stand-in-key")
    world.add_project(sample_project())
    with start_standin(world) as standin:
        yield standin.endpoint


def test_the_page_has_examples_of_both_commands() -> None:
    commands = [command.split()[0] for command, _ in EXAMPLES]
    assert commands.count("assets") >= 4
    assert commands.count("labels") >= 4


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_an_example_prints_what_the_page_says(
    command: str,
    printed: str,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KILI_API_ENDPOINT", endpoint)
    monkeypatch.setenv("KILI_API_KEY", "stand-in-key")
    project = re.search(r"export PROJECT=(\w+)", PAGE)
    assert project is not None
    given, _, limit = command.partition(" | head -n ")
    main(shlex.split(given.replace("$PROJECT", project[1])))

    told = capsys.readouterr()
    lines = (told.out or told.err).splitlines()
    assert lines[: int(limit) if limit else None] == printed.splitlines()
