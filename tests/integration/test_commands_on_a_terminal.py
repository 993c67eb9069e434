"""What commands leave on a terminal of 80 columns."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.transcript.terminal import Shell, wide_rows
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.stack.environment import process_environment

COMMAND = f"{sys.executable} -m kili_export.local.main"


@pytest.fixture(scope="module")
def project() -> Iterator[tuple[str, dict[str, str]]]:
    """The id of a project, and the environment in which commands find its Kili."""
    world = KiliWorld(api_key="terminal-key")
    sample = world.add_project(sample_project())
    with start_standin(world) as standin:
        kili = {"KILI_API_ENDPOINT": standin.endpoint, "KILI_API_KEY": "terminal-key"}
        yield sample.id, {**process_environment(), **kili}


def test_nothing_of_the_bar_is_left_beside_the_result(
    project: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    project_id, environment = project
    shell = Shell(tmp_path, {**environment, "HOME": str(tmp_path)})
    for form in ("", " --disable-tqdm"):
        line = (
            f"{COMMAND} export {project_id} --format kili --output kili.zip --no-with-assets{form}"
        )
        shown = shell.on_terminal(line)
        assert shown.status == 0, shown.text
        assert shown.text.startswith("kili.zip: kili, 42 of 48 assets, "), shown.text
        assert "\n" not in shown.text


def test_a_mistyped_command_gets_one_line_with_the_command_that_is_meant(tmp_path: Path) -> None:
    shown = Shell(tmp_path, process_environment()).on_terminal(f"{COMMAND} statsu")
    assert shown.status == 2
    assert shown.text.splitlines()[-1] == (
        "kili-export: error: there is no command 'statsu'; did you mean 'status'?"
    )
    assert wide_rows(shown.text) == []
