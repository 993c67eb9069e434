"""What `kili-export` says of itself."""

import shutil
import subprocess
from importlib.metadata import version

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.main import main
from tests.support.every_command import ALL


def test_without_arguments_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.OK
    listed = capsys.readouterr().out
    assert all(f"\n    {one.name.split()[0]} " in listed for one in ALL)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"kili-export {version('kili-continuous-export')}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("kili-export re", ["reconcile", "register", "release", "report", "restore", "retry"]),
        ("kili-export webhook ", ["install", "remove"]),
        ("kili-export pull --ou", ["--output"]),
        ("kili-export register --file exp", ["exports.yaml"]),
    ],
)
def test_bash_completes_commands_options_and_files(
    typed: str,
    offered: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if not (bash := shutil.which("bash")):
        pytest.skip("there is no bash")
    assert main(["--print-completion", "bash"]) == ExitCode.OK
    folder = tmp_path_factory.mktemp("here")
    (folder / "exports.yaml").write_text("")
    words = typed.split(" ")
    script = f"""{capsys.readouterr().out}
compopt() {{ :; }}
COMP_WORDS=({" ".join(words[:-1])} "{words[-1]}")
COMP_CWORD={len(words) - 1}
read -ra found <<< "$(complete -p kili-export)"
while [ "${{found[0]}}" != -F ]; do found=("${{found[@]:1}}"); done
"${{found[1]}}" kili-export "{words[-1]}" "{words[-2]}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        (bash, "-c", script), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert sorted(done.stdout.split()) == offered, done.stderr
