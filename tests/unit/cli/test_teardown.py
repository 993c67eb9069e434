"""Before a stack is deleted: webhooks go first, then data on request, and what stays is named."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from kili_export.cli.commands import teardown as command
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.main import main
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.errors import AccessDenied
from kili_export.wiring.settings import Settings

SETTINGS = Settings(
    bucket_name="bucket-1",
    copies_bucket_name="copies-1",
    table_name="table-1",
    kili_api_key_secret_id="arn:key",
    kili_key_prefix="stack/kili-keys/",
    webhook_secret_id="arn:webhook",
)


class Scene:
    """A deployed stack with three projects. `done` is what happened, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.refused: set[str] = set()
        self.status = SimpleNamespace(projects=lambda: frozenset({"p2", "p1", "p3"}))

    def kili_of(self, _: str) -> Any:
        return SimpleNamespace(remove_webhook=self.remove_webhook)

    def remove_webhook(self, project_id: str, name: str) -> None:
        if project_id in self.refused:
            raise AccessDenied("the key is refused")
        assert name == f"kili-export-{project_id}"
        self.done.append(f"webhook of {project_id}")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr(command, "connect", lambda _: StackConnection(SETTINGS, ""))
    monkeypatch.setattr(StackServices, "of", lambda _: scene)
    monkeypatch.setattr(
        command, "_purge", lambda _, project_id: scene.done.append(f"data of {project_id}")
    )
    return scene


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_webhooks_go_before_any_data(scene: Scene) -> None:
    assert main(["teardown", "--purge", "--yes", "--stack-name", "s"]) == ExitCode.OK
    assert scene.done == [f"{what} of {one}" for what in ("webhook", "data") for one in PROJECTS]


PROJECTS = ("p1", "p2", "p3")


def test_without_purge_no_data_go(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teardown", "--stack-name", "s", "--json"]) == ExitCode.OK
    assert scene.done == [f"webhook of {one}" for one in PROJECTS]
    assert answer(capsys)["purged"] == []


def test_purge_without_yes_does_nothing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teardown", "--purge", "--stack-name", "s"]) == ExitCode.USAGE
    assert scene.done == []
    assert "3 projects for good: p1, p2, p3" in capsys.readouterr().err


def test_one_project_that_fails_stops_no_other_and_is_told(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.refused = {"p2"}
    assert main(["teardown", "--stack-name", "s", "--json"]) == ExitCode.FAILED
    told = answer(capsys)
    assert told["webhooks_removed"] == ["p1", "p3"]
    assert told["failed"] == {"p2": "the key is refused"}
    assert main(["teardown", "--stack-name", "s"]) == ExitCode.FAILED
    text = capsys.readouterr().out
    assert "Failed for p2: the key is refused" in text
    assert "delete-stack" not in text, "it is not time for that yet"


def test_what_cloudformation_keeps_is_named(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    del scene
    assert main(["teardown", "--stack-name", "s"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "aws cloudformation delete-stack --stack-name s" in text
    for kept in ("bucket-1", "copies-1", "table-1", "arn:key", "arn:webhook", "stack/kili-keys/"):
        assert kept in text
