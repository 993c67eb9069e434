"""What a run says of batches that failed."""

import json
from typing import Any

import pytest

from kili_export.runs.batch_results import first_batch_failure
from kili_export.runs.messages import FinishAnswer, ResultsLocation
from tests.support.fakes import InMemoryObjects
from tests.support.protocol_world import World

RESULTS = ResultsLocation(bucket="bucket", key="results/manifest.json")


def results_with(*files: bytes) -> InMemoryObjects:
    """What the workflow wrote of a map with these files of failed children."""
    objects = InMemoryObjects()
    listed = []
    for number, data in enumerate(files):
        key = f"results/FAILED_{number}.json"
        objects.put(key, data)
        listed.append({"Key": key, "Size": len(data)})
    manifest = {"ResultFiles": {"FAILED": listed, "SUCCEEDED": []}}
    objects.put(RESULTS.key, json.dumps(manifest).encode())
    return objects


def child(error: str, cause: str) -> dict[str, Any]:
    """A child that failed."""
    return {"Error": error, "Cause": cause, "Status": "FAILED", "Input": "{}"}


@pytest.mark.parametrize("as_list", [False, True], ids=["lines", "a list"])
def test_the_first_failure_is_told(*, as_list: bool) -> None:
    children = [child("Unavailable", "the storage is silent"), child("Throttled", "slower")]
    text = (
        json.dumps(children) if as_list else "\n".join(json.dumps(one) for one in children)
    ).encode()
    assert first_batch_failure(results_with(text), RESULTS) == "Unavailable: the storage is silent"


def test_of_what_lambda_answers_the_message_is_told() -> None:
    answer = json.dumps({"errorType": "Unavailable", "errorMessage": "down", "stackTrace": []})
    found = first_batch_failure(
        results_with(json.dumps(child("Unavailable", answer)).encode()), RESULTS
    )
    assert found == "Unavailable: down"


def test_the_cause_of_an_error_that_is_not_ours_is_not_told() -> None:
    """It may quote what broke the worker, as pydantic's errors do."""
    text = json.dumps(child("ValidationError", "input_value='a label'")).encode()
    assert first_batch_failure(results_with(text), RESULTS) == "ValidationError"


@pytest.mark.parametrize("data", [b"", b"no JSON", b"{}", b"[]", b"1", b'{"Error": "E"}'])
def test_a_list_that_cannot_be_read_tells_nothing(data: bytes) -> None:
    assert first_batch_failure(results_with(data), RESULTS) is None
    text = json.dumps(child("Throttled", "slower")).encode()
    assert first_batch_failure(results_with(data, text), RESULTS) == "Throttled: slower"


def test_a_run_without_a_map_has_no_failed_batches() -> None:
    assert first_batch_failure(InMemoryObjects(), None) is None


def test_the_end_of_a_run_tells_why_changed_assets_have_no_result() -> None:
    world = World()
    world.publish_everything()
    world.submit("as_001", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned, lose=[0])
    objects = results_with(json.dumps(child("Unavailable", "the storage is silent")).encode())
    manifest = json.loads(world.objects.stored[results.key][0])
    manifest["ResultFiles"]["FAILED"] = [{"Key": "results/FAILED_0.json", "Size": 10}]
    world.objects.put("results/FAILED_0.json", objects.stored["results/FAILED_0.json"][0])
    world.objects.put(results.key, json.dumps(manifest).encode())
    answer = world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert isinstance(answer, FinishAnswer)
    assert (answer.unanswered, answer.unanswered_cause) == (1, "Unavailable: the storage is silent")
