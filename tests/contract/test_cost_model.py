"""The cost model against the template and the workflow that it prices."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from kili_export.costs.estimate import COMPARISON, EVENT, FIRST_OF_WINDOW, RUN_STATE, SWEEP
from kili_export.costs.prices import LISTED, Unit
from kili_export.costs.run_cost import MEGABYTES, Step, run_usage, workflow_usage
from kili_export.local.stack.template import Template
from kili_export.local.workflow.definition import read_definition
from tests.security.recorded_world import RecordedWorld
from tests.support.protocol_world import PROJECT
from tests.unit.local.workflow.doubles import Bench, Functions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachine" / "export.asl.yaml")
FUNCTIONS = {
    "webhook": "webhook",
    "plan_export": "plan",
    "convert_assets": "convert",
    "aggregate_archive": "publish",
    "finish_export": "finish",
}
SUBSTITUTIONS = {
    "Partition": "aws",
    "BucketName": "bucket",
    "PlanExportFunctionArn": "plan",
    "ConvertAssetsFunctionArn": "convert",
    "AggregateArchiveFunctionArn": "aggregate",
    "FinishExportFunctionArn": "finish",
}
NAMES = ("Bucket", "Table", "EventBus", "KiliApiKeySecret", "WebhookSecret")


def test_the_functions_have_the_memory_that_is_priced() -> None:
    template = Template({}, dict.fromkeys(NAMES, "name"))
    given = {
        FUNCTIONS[one.name]: one.memory for one in template.functions() if one.name in FUNCTIONS
    }
    assert given == MEGABYTES


@pytest.mark.parametrize(("assets", "exports"), [(1, 1), (5, 3)])
def test_a_run_takes_as_many_transitions_as_are_priced(
    tmp_path: Path, assets: int, exports: int
) -> None:
    bench = Bench(tmp_path)
    lines = [json.dumps({"asset_id": f"a{number}"}) for number in range(assets)]
    bench.objects.stored["bucket", "work"] = "\n".join(lines).encode()
    bench.functions = Functions(
        plan=lambda _: planned(assets, exports),
        convert=lambda payload: {"asset_ids": [item["asset_id"] for item in payload["items"]]},
        aggregate=lambda payload: {"export": payload["export"], "status": "committed"},
        finish=lambda payload: {"project_id": payload["project_id"]},
    )
    value = {"project_id": "p1", "window": "w7", "not_before": "2026-01-01T00:00:30Z"}
    execution = bench.run(DEFINITION, value, SUBSTITUTIONS)
    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)

    batches = len(bench.kinds("ChildStarted"))
    of_children = len(bench.functions.payloads("convert"))
    priced = workflow_usage(Step(batches, 0.0, {}), exports)[Unit.TRANSITION]
    entered = len(bench.kinds("StateEntered")) - of_children
    assert priced == entered + batches, "see run_cost: the workflow has other states now"


def test_a_run_that_planning_makes_whole_takes_as_many_transitions_as_are_priced(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.functions = Functions(
        plan=lambda payload: {
            "status": "done" if payload["whole"] else "idle",
            "project_id": "p1",
            "finished": {"project_id": "p1", "cleared": 1},
        }
    )
    value = {"project_id": "p1", "window": "w7", "not_before": "2026-01-01T00:00:30Z"}
    execution = bench.run(DEFINITION, value, SUBSTITUTIONS)

    assert execution.output == {"project_id": "p1", "cleared": 1}, (execution.error,)
    nothing = Step(0, 1.0, {})
    usage = run_usage(plan=nothing, convert=nothing, publish=nothing, finish=nothing, exports=3)
    assert usage[Unit.TRANSITION] == len(bench.kinds("StateEntered"))


@pytest.fixture(scope="module")
def requests() -> dict[str, Counter[str]]:
    """What is asked of AWS, by what happens to a project with one export."""
    counted: dict[str, Counter[str]] = {}
    with mock_aws():
        world = RecordedWorld(exports={"coco": "coco"}, short=True)

        def count(name: str, act: Callable[[], object]) -> None:
            world.recorder.counted.clear()
            act()
            counted[name] = Counter(world.recorder.counted)

        world.request_run(PROJECT)
        world.run_pending()
        world.clock.advance(3600)
        count("first event", lambda: world.submit("as_001", "again", 0.3))
        count("event", lambda: world.submit("as_001", "again", 0.3))
        count("change", world.run_pending)
        world.clock.advance(3600)
        world.look_after(compare=False)
        count("second look", world.run_pending)
        world.clock.advance(3600)
        count("sweep", lambda: world.look_after(compare=False))
        count("comparison", world.look_after)
    return counted


def test_a_run_asks_table_and_secrets_for_what_is_added_to_one_machines(
    requests: dict[str, Counter[str]],
) -> None:
    asked = requests["change"] | requests["second look"]
    assert {name: count for name, count in asked.items() if name.startswith("dynamodb.")} == {
        name: count for name, count in RUN_STATE.items() if name.startswith("dynamodb.")
    }


def test_an_event_asks_for_what_is_priced(requests: dict[str, Counter[str]]) -> None:
    assert requests["event"] == EVENT.requests
    first = {name: count for name, count in requests["first event"].items() if "dynamodb" in name}
    assert first == Counter(EVENT.requests) + Counter(FIRST_OF_WINDOW)


@pytest.mark.parametrize(("name", "priced"), [("sweep", SWEEP), ("comparison", COMPARISON)])
def test_the_schedules_ask_for_what_a_month_at_rest_counts(
    requests: dict[str, Counter[str]], name: str, priced: dict[str, int]
) -> None:
    asked = requests[name]
    # A process keeps secrets; this world reads them again each time.
    del asked["secrets-manager.GetSecretValue"]
    assert asked == {"s3.ListObjectsV2": 1, **priced}


def planned(assets: int, exports: int) -> dict[str, Any]:
    return {
        "status": "run",
        "project_id": "p1",
        "run_id": "r1",
        "plan_key": "plan",
        "work": {"key": "work", "count": assets, "batch_size": 2, "max_concurrency": 1},
        "exports": [{"name": f"e{number}"} for number in range(exports)],
        "results_prefix": "results",
    }


def test_the_documented_prices_are_those_of_the_estimates() -> None:
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "cost.md").read_text(
        encoding="utf-8"
    )
    _, shown, _ = text.split("<!-- prices -->")
    head = ["| unit | what | dollars |", "|---|---|---:|"]
    rows = [
        f"| `{unit}` | {one.service}: {one.meaning} | {one.dollars:g}"
        f"{' per million' if one.per > 1 else ''} |"
        for unit, one in LISTED.items()
    ]
    assert shown.strip().splitlines() == [*head, *rows]
