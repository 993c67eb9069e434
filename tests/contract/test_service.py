"""The unit for systemd fits the command that it runs, and systemd takes it."""

import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.main import parser
from tests.support.template_document import ROOT

UNIT = ROOT / "local" / "kili-export.service"


def service() -> dict[str, str]:
    unit = RawConfigParser(strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    return dict(unit["Service"])


def test_it_runs_up_on_the_directory_that_systemd_makes() -> None:
    program, *words = shlex.split(service()["ExecStart"])
    given = parser().parse_args(words)
    assert (Path(program).name, given.command) == ("kili-export", "up")
    assert given.state == f"/var/lib/{service()['StateDirectory']}"


def test_what_another_start_does_not_change_is_not_tried_again() -> None:
    assert int(service()["RestartPreventExitStatus"]) == ExitCode.USAGE


def test_systemd_takes_it(tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("there is no systemd-analyze")
    # It looks whether the program is there, which it is only where it was installed.
    text = UNIT.read_text(encoding="utf-8").replace("/opt/kili-export/bin/kili-export", "/bin/true")
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        (analyze, "verify", "--man=no", str(copy)), capture_output=True, text=True, check=False
    )
    about_it = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, about_it) == (0, []), done.stderr
