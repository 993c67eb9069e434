"""Which Kili the one-by-one commands ask: the one that was named, else the one of the key."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from kili_export.cli.kili_source import kili_of
from kili_export.cli.stack_connection import StackNotRunning
from kili_export.core.errors import InvalidConfiguration

MODULE = "kili_export.cli.kili_source"


class _Stack:
    """A stack whose Kili is told by its name."""

    def __init__(self, name: str) -> None:
        self.application = self
        self._name = name

    def kili(self, project_id: str) -> str:
        assert project_id == "project1"
        return self._name


@pytest.fixture(autouse=True)
def stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KILI_API_ENDPOINT", "https://kili.example/api/label/v2/graphql")
    monkeypatch.setenv("KILI_EXPORT_STATE", str(tmp_path))
    monkeypatch.setattr(f"{MODULE}.connect", lambda _: "named")
    monkeypatch.setattr(f"{MODULE}.connect_local", lambda _: "running")
    monkeypatch.setattr(f"{MODULE}.StackServices.of", _Stack)
    monkeypatch.setattr(f"{MODULE}.kili_with_key", lambda settings, key: (settings, key))


def _asked(**more: Any) -> Any:
    return kili_of(
        Namespace(**{"project_id": "project1", "state": None, "stack_name": None, **more})
    )


@pytest.mark.parametrize("named", [{"state": "s"}, {"stack_name": "n"}], ids=str)
def test_a_stack_that_was_named_comes_before_the_key(
    named: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILI_API_KEY", "k")
    assert _asked(**named) == "named"


def test_the_key_comes_before_a_stack_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_API_KEY", " k ")
    settings, key = _asked()
    assert key == "k"
    assert settings.kili_api_endpoint == "https://kili.example/api/label/v2/graphql"


def test_without_a_key_it_is_the_stack_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KILI_API_KEY", raising=False)
    assert _asked() == "running"


def test_with_neither_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_running(_: object) -> None:
        raise StackNotRunning("none")

    monkeypatch.setenv("KILI_API_KEY", "")
    monkeypatch.setattr(f"{MODULE}.connect_local", not_running)
    with pytest.raises(InvalidConfiguration, match=r"KILI_API_KEY.*--stack-name"):
        _asked()
