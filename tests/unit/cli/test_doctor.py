"""`doctor` says what is wrong, and what to do about it."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kili_export.cli.commands import doctor
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.errors import AccessDenied, ExportError
from kili_export.kili.client import KiliClient
from kili_export.kili.key_check import KeyCheck
from kili_export.local.kili_standin import KiliWorld, StandIn, sample_project, start_standin
from kili_export.local.main import main
from kili_export.wiring.application import kili_with_key
from kili_export.wiring.settings import Settings

Found = Callable[..., tuple[int, dict[str, dict[str, str]]]]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    world = KiliWorld(api_key="good")
    world.add_project(sample_project())
    with start_standin(world) as standin:
        yield standin


@pytest.fixture
def found(
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Found:
    """Runs the command without a stack: its status, and the findings by their checks."""
    monkeypatch.setenv("KILI_API_ENDPOINT", standin.endpoint)
    monkeypatch.setenv("KILI_EXPORT_STATE", str(tmp_path / "none"))

    def run(*words: str, key: str = "good") -> tuple[int, dict[str, dict[str, str]]]:
        monkeypatch.setenv("KILI_API_KEY", key)
        status = main(["doctor", *words, "--json"])
        answer = json.loads(capsys.readouterr().out)
        checks = {one["check"]: one for one in answer["checks"]}
        assert answer["ok"] is not any(one["way_out"] for one in checks.values())
        return status, checks

    return run


@pytest.fixture
def stack(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Has the command find a stack whose webhook has a URL."""
    settings = Settings.from_environment(
        {"KILI_API_ENDPOINT": standin.endpoint, "STATE_DIRECTORY": str(tmp_path)}
    )

    def running(url: str) -> None:
        connection = StackConnection(settings, url)
        services = SimpleNamespace(
            application=SimpleNamespace(kili=lambda *_, **__: kili_with_key(settings, "good")),
            status=SimpleNamespace(projects=lambda: {"P"}),
        )
        monkeypatch.setattr(doctor, "connect", lambda _: connection)
        monkeypatch.setattr(StackServices, "of", lambda _: services)

    return running


def wrong(checks: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, one in checks.items() if one["way_out"]}


def test_a_stack_that_has_everything(
    found: Found, stack: Callable[[str], None], standin: StandIn
) -> None:
    stack(standin.endpoint)
    status, checks = found(sample_project().id)
    assert (status, wrong(checks)) == (ExitCode.OK, set())
    # The stand-in's answers have no date, which the clock is compared with.
    expected = ["version", "endpoint", "key", "project", "bucket", "webhook", "disk"]
    assert list(checks) == expected


def test_without_a_stack_the_key_of_the_environment_is_checked(found: Found) -> None:
    status, checks = found()
    assert (status, wrong(checks)) == (ExitCode.FAILED, {"stack"})
    assert checks["stack"]["way_out"] == "Start it: kili-export up"
    assert checks["key"]["found"].startswith("Kili takes it, until ")


@pytest.mark.parametrize(("key", "way_out"), [("bad", "Make another key"), (" ", "export it as")])
def test_a_key_that_does_not_do(found: Found, key: str, way_out: str) -> None:
    _, checks = found(key=key)
    assert way_out in checks["key"]["way_out"]
    assert "endpoint" not in checks


def test_a_project_that_the_key_does_not_see(found: Found) -> None:
    _, checks = found("nosuchproject")
    assert "project" in wrong(checks)


@pytest.mark.parametrize(
    ("days", "seconds", "expected"),
    [(31, 59, set()), (29, 0, {"key"}), (400, 61, {"clock"}), (400, -61, {"clock"})],
)
def test_a_key_that_expires_soon_and_a_clock_that_is_wrong(
    days: int, seconds: int, expected: set[str], found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    check = KeyCheck(now + timedelta(days=days), now + timedelta(seconds=seconds))
    monkeypatch.setattr(KiliClient, "check_key", lambda _: check)
    monkeypatch.setattr(doctor, "datetime", SimpleNamespace(now=lambda _: now))
    assert wrong(found()[1]) - {"stack"} == expected


def test_an_endpoint_that_nobody_serves(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("KILI_API_ENDPOINT", f"http://127.0.0.1:{port}/graphql")
    monkeypatch.setattr(doctor, "_PATIENCE_SECONDS", 0.0)
    _, checks = found()
    assert "KILI_API_ENDPOINT" in checks["endpoint"]["way_out"]
    assert "key" not in checks


def test_a_webhook_that_does_not_answer(found: Found, stack: Callable[[str], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stack(f"http://127.0.0.1:{port}/webhooks/kili")
    assert wrong(found()[1]) == {"webhook"}


def test_a_webhook_that_kili_cannot_reach() -> None:
    settings = Settings.from_environment({"KILI_API_ENDPOINT": "https://kili.example/graphql"})
    finding = doctor._webhook(None, StackConnection(settings, "http://127.0.0.1:8080/x"))
    assert "a public --url" in finding.way_out


def test_a_bucket_that_may_not_be_read(
    found: Found,
    stack: Callable[[str], None],
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused() -> Any:
        raise AccessDenied("no")

    stack(standin.endpoint)
    services = StackServices.of(SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setattr(services.status, "projects", refused)
    _, checks = found()
    assert wrong(checks) == {"bucket"}
    assert "OperatorPolicyArn" in checks["bucket"]["way_out"]


def test_a_disk_without_room(
    found: Found,
    stack: Callable[[str], None],
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack(standin.endpoint)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=999_999_999))
    assert wrong(found()[1]) == {"disk"}


def test_a_stack_that_cannot_be_found(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise ExportError("The stack none cannot be read")

    monkeypatch.setattr(doctor, "connect", refused)
    assert "credentials" in found()[1]["stack"]["way_out"]


def test_people_read_a_table_and_what_to_do(
    found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    found()
    assert main(["doctor"]) == ExitCode.FAILED
    text = capsys.readouterr().out
    assert "wrong" in text
    assert "stack: Start it: kili-export up" in text
