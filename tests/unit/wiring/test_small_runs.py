"""The function that plans makes small runs whole, counts what it does, and never hangs."""

import faulthandler
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from kili_export.aws.meter import ProcessMeter
from kili_export.core.clock import InvocationTime
from kili_export.costs.prices import Unit
from kili_export.runs.messages import PlanAnswer
from kili_export.wiring import planning
from kili_export.wiring.application import Application
from kili_export.wiring.settings import Settings
from kili_export.wiring.small_runs import process_ends_after
from tests.support.protocol_world import BUCKET, PROJECT, World, arn


class WorldApplication(Application):
    """The application over the protocol's world."""

    def __init__(self, world: World) -> None:
        environment = {"BUCKET_NAME": BUCKET, "BATCH_SIZE": "3"}
        super().__init__(
            Settings.from_environment(environment), clock=world.clock, random=world.tokens
        )
        self._world = world
        vars(self).update(
            objects=world.objects,
            traffic=world.objects,
            changes=world.changes,
            project_state=world.state,
            publisher=world.publisher,
            workflow=world.workflow,
            meter=ProcessMeter(lambda: len(world.kili.fetches)),
        )

    def kili(self, *_: Any, **__: Any) -> Any:
        """The world's."""
        return self._world.kili


@dataclass
class Noted:
    """An invocation that notes what it is given."""

    counted: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    time_left: InvocationTime = field(default_factory=lambda: InvocationTime(lambda: 890_000))

    def count(self, metric: str, value: float, _unit: str = "Count") -> None:
        """Sums up."""
        self.counted[metric] = self.counted.get(metric, 0) + value

    def describe(self, **known: Any) -> None:
        """Must be JSON."""
        json.dumps(known)

    def log(self, message: str, known: Mapping[str, Any], _level: str = "info") -> None:
        """Keeps the message."""
        json.dumps(known)
        self.lines.append(message)

    def log_failure(self, message: str, error: Exception) -> None:
        """Nothing fails here."""
        raise AssertionError(message) from error


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    world.publish_everything()
    world.submit("as_001", "second", 0.3)
    app = WorldApplication(world)
    monkeypatch.setattr(planning, "application", lambda: app)
    return world


def asked(world: World, *, whole: bool) -> tuple[PlanAnswer, Noted]:
    [name] = world.pending()
    world.clock.advance(100)
    world.workflow.running.add(arn(name))
    noted = Noted()
    event = {"project_id": PROJECT, "execution_arn": arn(name), "resume": None, "whole": whole}
    return PlanAnswer.model_validate(planning.answer_request(event, noted)), noted


def test_a_small_run_is_made_whole_and_counted_as_its_steps_count(world: World) -> None:
    answer, noted = asked(world, whole=True)

    assert answer.status == "done"
    assert world.generations() == {"raw": 2, "yolo": 2}
    assert noted.lines == [
        "Batch converted",
        "Archive aggregated",
        "Archive aggregated",
        "Run finished",
        "Run planned",
    ]
    counted = {name: noted.counted[name] for name in ("AssetsConverted", "ExportsPublished")}
    assert counted == {"AssetsConverted": 1, "ExportsPublished": 2}
    assert noted.counted["RunsPlanned"] == 1
    assert noted.counted["FreshnessSeconds"] >= 100


def test_what_it_used_is_counted_by_step_and_is_one_invocation(world: World) -> None:
    answer, _ = asked(world, whole=True)

    assert answer.finished is not None
    spending = answer.finished.spending
    assert spending is not None
    steps = (spending.plan, spending.convert, spending.publish, spending.finish)
    assert [step.invocations for step in steps] == [1, 0, 0, 0]
    assert [step.kili_calls for step in steps] == [0, 1, 0, 0]
    assert spending.usage()[Unit.TRANSITION] == 4
    assert world.manifest("raw").spending is not None


def test_an_attempt_after_a_failure_only_plans(world: World) -> None:
    answer, noted = asked(world, whole=False)

    assert (answer.status, answer.small) == ("run", True)
    assert world.generations() == {"raw": 1, "yolo": 1}
    assert noted.lines == ["Run planned"]


def test_a_process_that_goes_on_for_too_long_ends() -> None:
    program = (
        "from kili_export.wiring.small_runs import process_ends_after\n"
        "with process_ends_after(0.2):\n"
        "    while True: pass\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"Timeout" in ended.stderr


def test_the_guard_is_lifted_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        faulthandler, "dump_traceback_later", lambda *_, **__: calls.append("guarded")
    )
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: calls.append("lifted"))
    with pytest.raises(ValueError, match="broken"), process_ends_after(1):
        raise ValueError("broken")
    assert calls == ["guarded", "lifted"]
