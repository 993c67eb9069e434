"""What the demo leaves behind, and what it needs before it begins."""

import tempfile
from pathlib import Path

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.demo import command
from kili_export.local.main import main


@pytest.mark.parametrize(
    ("more", "outcome", "left", "status"),
    [
        ((), True, False, ExitCode.OK),
        (("--keep",), True, True, ExitCode.OK),
        ((), False, True, ExitCode.FAILED),
        ((), KeyboardInterrupt, False, ExitCode.INTERRUPTED),
        ((), OSError("no port"), True, ExitCode.FAILED),
        (("--view",), True, False, ExitCode.OK),
    ],
    ids=["held", "kept", "not held", "interrupted", "failed", "looked at"],
)
def test_the_demo_cleans_up_where_nothing_is_to_be_looked_at(
    more: tuple[str, ...],
    outcome: bool | BaseException | type[BaseException],
    left: bool,
    status: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def show(folder: Path, *, as_json: bool, keep: bool, look: bool) -> bool:
        assert (as_json, keep, look) == (False, "--keep" in more, "--view" in more)
        (folder / "kili.log").write_text("")
        if isinstance(outcome, bool):
            return outcome
        raise outcome

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(command, "_show", show)
    assert main(["demo", *more]) == status
    assert [folder.name in capsys.readouterr().err for folder in tmp_path.iterdir()] == (
        [True] if left else []
    )


def test_without_the_sdk_nothing_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda *_: None)
    assert main(["demo"]) == ExitCode.USAGE
    assert "pip install 'kili-continuous-export[demo]'" in capsys.readouterr().err
