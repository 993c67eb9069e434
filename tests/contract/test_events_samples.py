"""Every sample in events/ is what the function really gets, and reads as what it is named."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kili_export.changes.events.run_starter import ExecutionInput
from kili_export.changes.events.webhook_body import parse_webhook
from kili_export.core.document import Document
from kili_export.core.errors import InvalidEvent
from kili_export.maintenance.reconciliation.messages import ReconcileRequest
from kili_export.runs.announcements import (
    FAILED,
    PUBLISHED,
    QUARANTINED,
    SOURCE,
    AssetsQuarantined,
    ExportFailed,
    ExportPublished,
)
from kili_export.runs.messages import AggregateRequest, ConvertRequest, FinishRequest, PlanRequest
from tests.support.template_document import ROOT, functions

EVENTS = ROOT / "events"
INPUTS: dict[str, type[Document]] = {
    "workflow": ExecutionInput,
    "plan_export": PlanRequest,
    "convert_assets": ConvertRequest,
    "aggregate_archive": AggregateRequest,
    "finish_export": FinishRequest,
    "reconcile": ReconcileRequest,
}
NOTIFICATIONS: dict[str, tuple[str, type[Document]]] = {
    "export_published": (PUBLISHED, ExportPublished),
    "export_failed": (FAILED, ExportFailed),
    "assets_quarantined": (QUARANTINED, AssetsQuarantined),
}
# By file: the event's name, its asset and its label.
WEBHOOK_CALLS: dict[str, tuple[str, str | None, str | None]] = {
    "on_submit": ("onSubmit", "classet0001", "cllabel0001"),
    "on_review": ("onReview", "classet0001", "cllabel0001"),
    "on_send_back_to_queue": ("onSendBackToQueue", "classet0001", None),
    "label_created_review": ("label.workflow.created.review", "classet0001", "cllabel0002"),
    "label_created_review_wrapped": (
        "label.workflow.created.review",
        "classet0001",
        "cllabel0002",
    ),
    "asset_deleted": ("asset.deleted", "classet0002", None),
    "interface_updated": ("project.interface.updated", None, None),
    "bulk_action_started": ("project.workflow.bulkAction.sendBackToQueue.started", None, None),
    "unknown_event": ("label.workflow.imagined", "classet0001", None),
    "unregistered_project": ("label.workflow.created.review", "classet0001", "cllabel0002"),
    "base64_body": ("onSubmit", "classet0001", "cllabel0001"),
    "unauthorized": ("onSubmit", "classet0001", "cllabel0001"),
    "no_authorization": ("onSubmit", "classet0001", "cllabel0001"),
}
BROKEN_CALLS = {"not_json": "", "wrong_shape": "payload.asset_id"}


def sample(path: Path) -> Any:
    return json.loads(path.read_bytes())


def samples(folder: str) -> list[Path]:
    return sorted(path for path in (EVENTS / folder).glob("*.json") if ".schema." not in path.name)


def body_of(call: dict[str, Any]) -> bytes:
    body: str = call["body"]
    return base64.b64decode(body) if call["isBase64Encoded"] else body.encode()


def all_inputs() -> list[Path]:
    return [path for folder in INPUTS for path in samples(folder)]


@pytest.mark.parametrize("name", sorted(functions()))
def test_every_function_has_samples_of_its_input(name: str) -> None:
    assert samples(name), f"events/{name} is empty"


@pytest.mark.parametrize("path", all_inputs(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_is_what_the_contract_says(path: Path) -> None:
    model = INPUTS[path.parent.name]
    read = model.model_validate(sample(path))
    assert model.from_bytes(read.to_bytes()) == read


def test_every_webhook_sample_is_expected_to_be_something() -> None:
    named = {path.stem for path in samples("webhook")}
    assert named == WEBHOOK_CALLS.keys() | BROKEN_CALLS.keys()


@pytest.mark.parametrize("name", sorted(WEBHOOK_CALLS))
def test_a_webhook_sample_reads_as_its_event(name: str) -> None:
    [event] = parse_webhook(body_of(sample(EVENTS / "webhook" / f"{name}.json")))
    assert (event.name, event.asset_id, event.label_id) == WEBHOOK_CALLS[name]


@pytest.mark.parametrize("name", sorted(BROKEN_CALLS))
def test_a_broken_webhook_sample_is_refused_by_its_field(name: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_webhook(body_of(sample(EVENTS / "webhook" / f"{name}.json")))
    assert refusal.value.field == BROKEN_CALLS[name]


@pytest.mark.parametrize("path", samples("webhook"), ids=lambda path: str(path.stem))
def test_a_webhook_sample_is_a_call_of_the_route(path: Path) -> None:
    call = sample(path)
    [route] = functions()["webhook"]["Events"].values()
    properties = route["Properties"]
    assert call["routeKey"] == f"{properties['Method']} {properties['Path']}"
    assert call["version"] == properties["PayloadFormatVersion"]
    assert all(name == name.lower() for name in call["headers"])


@pytest.mark.parametrize("name", sorted(NOTIFICATIONS))
def test_a_consumer_sample_is_what_is_published(name: str) -> None:
    detail_type, model = NOTIFICATIONS[name]
    event = sample(EVENTS / "consumers" / f"{name}.json")
    assert (event["source"], event["detail-type"]) == (SOURCE, detail_type)
    read = model.model_validate(event["detail"])
    assert read.model_dump(mode="json") == event["detail"]


@pytest.mark.parametrize("name", sorted(NOTIFICATIONS))
def test_the_schema_for_consumers_is_that_of_what_is_published(name: str) -> None:
    model = NOTIFICATIONS[name][1]
    schema = sample(EVENTS / "consumers" / f"{name}.schema.json")
    Draft202012Validator.check_schema(schema)
    described = model.model_json_schema(mode="serialization")
    # A consumer has to take fields that are added later within version 1.
    del described["additionalProperties"]
    version = described["properties"]["version"]["const"]
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:kili-continuous-export:{name}:{version}",
        **described,
    }


@pytest.mark.parametrize("name", sorted(NOTIFICATIONS))
def test_the_schema_takes_the_sample_and_refuses_another_version(name: str) -> None:
    schema = Draft202012Validator(sample(EVENTS / "consumers" / f"{name}.schema.json"))
    detail = sample(EVENTS / "consumers" / f"{name}.json")["detail"]
    schema.validate(detail)
    assert not schema.is_valid({**detail, "version": "2"})
    assert not schema.is_valid({**detail, "project_id": None})
    assert schema.is_valid({**detail, "added_in_version_1": True})
