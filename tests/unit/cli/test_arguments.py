"""What the command line accepts, and how it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kili_export.cli import main as entry
from kili_export.cli.exit_codes import MEANINGS, ExitCode
from kili_export.cli.loading import command_of
from kili_export.core import errors
from kili_export.local import main as local_entry
from kili_export.local.main import main, parser


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("up --port 0 --window 2 --settle 0 --state s", "up"),
        ("demo --json", "demo"),
        ("register P --file exports.yaml", "register"),
        ("register P --export a=coco --export b=kili", "register"),
        ("unregister P --stack-name s", "unregister"),
        ("run P --full --wait --timeout 3", "run"),
        ("wait P --timeout 0.5", "wait"),
        ("reconcile P --json", "reconcile"),
        ("confirm P", "confirm"),
        ("status", "status"),
        ("status P --json", "status"),
        ("pull P yolo --output x.zip", "pull"),
        ("pull P yolo --output x.zip --snapshot v1", "pull"),
        ("snapshot P yolo v1", "snapshot"),
        ("snapshot P yolo --list --json", "snapshot"),
        ("snapshot P yolo v1 --delete", "snapshot"),
        ("sync P yolo folder --delete --verify", "sync"),
        ("sync P yolo folder --snapshot v1", "sync"),
        ("purge P --yes", "purge"),
        ("purge P yolo --asset as_1 --yes --json", "purge"),
        ("assets P --fields id,externalId --status TODO --no-skipped --state s", "assets"),
        ("assets P --parsed --labels all --metadata a=1 --metadata b=x --output f", "assets"),
        ("labels P --latest-per-annotator --type DEFAULT --honeypot-mark-gte 0.1", "labels"),
        ("labels P --parsed --author a@b.c --user-id u --stack-name s --quiet", "labels"),
        ("webhook install P --url https://x.example/webhooks/kili", "webhook install"),
        ("webhook remove P --name n", "webhook remove"),
    ],
)
def test_every_documented_form_is_accepted(text: str, command: str) -> None:
    assert parser().parse_args(text.split()).command == command


@pytest.mark.parametrize(
    "text",
    [
        "up --port 70000",
        "up --port -1",
        "up --window 0",
        "up --settle x",
        "register P",
        "register P --file a --export b=c",
        "register P --export a=coco --state s --stack-name t",
        "wait P --timeout 0",
        "pull P yolo",
        "snapshot P yolo v1 --list --delete",
        "sync P yolo",
        "purge",
        "assets",
        "assets P --parsed --fields id",
        "assets P --labels newest",
        "assets P --metadata site",
        "assets P --consensus-mark-gte half",
        "labels P --latest-per-asset --latest-per-annotator",
        "labels P --state s --stack-name t",
        "webhook",
    ],
)
def test_wrong_arguments_end_with_the_usage_status(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(text.split())
    assert ended.value.code == ExitCode.USAGE
    assert "usage: kili-export" in capsys.readouterr().err


def test_the_help_explains_every_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = parser().format_help()
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    assert set(MEANINGS) == set(ExitCode)
    assert all(f" {int(code)} {meaning}" in words for code, meaning in MEANINGS.items())


def test_every_command_of_the_parser_can_be_imported() -> None:
    for place in {**entry._COMMANDS, **local_entry._COMMANDS}.values():
        assert callable(command_of(place)), place


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidConfiguration("x"), ExitCode.USAGE),
        (errors.IncompatibleProject("x"), ExitCode.USAGE),
        (errors.RequestRefused("x"), ExitCode.USAGE),
        (errors.AccessDenied("x"), ExitCode.FAILED),
        (errors.Unavailable("x"), ExitCode.UNAVAILABLE),
        (errors.Throttled("x"), ExitCode.UNAVAILABLE),
        (errors.RemovalsHeld("x"), ExitCode.HELD),
        (errors.IntegrityError("x"), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value.name,
)
def test_errors_end_with_their_status_and_one_line(
    error: BaseException,
    code: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing(_: str) -> Callable[[object], ExitCode]:
        def command(_: object) -> ExitCode:
            raise error

        return command

    monkeypatch.setattr(entry, "command_of", failing)
    assert entry.main(["status"]) == code
    shown = capsys.readouterr()
    # Who presses Ctrl+C knows why the command ends.
    assert shown.err == ("" if isinstance(error, KeyboardInterrupt) else "kili-export: x\n")
    assert shown.out == ""


def test_up_without_a_key_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("KILI_API_KEY", raising=False)
    assert main(["up", "--state", str(tmp_path)]) == ExitCode.USAGE
    assert "KILI_API_KEY is not set" in capsys.readouterr().err


def test_a_command_without_a_stack_names_the_way_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["status", "--state", str(tmp_path / "none")]) == ExitCode.USAGE
    assert "kili-export up" in capsys.readouterr().err


def test_without_the_local_stack_a_command_names_the_way_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert entry.main(["status"]) == ExitCode.USAGE
    assert "--stack-name" in capsys.readouterr().err
