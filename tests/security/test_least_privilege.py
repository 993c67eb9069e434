"""What each function sends to AWS, and what its policy allows: the same, both ways.

The requests are recorded over the protocol's mishaps as well as its ordinary course. From a request
follows the permission by `tests/artifacts/accesses.py`: a copy reads its source and writes its
target; an object that is not there needs `s3:ListBucket` for a 404; the parts of an upload are
writes. From these follow the rights to a KMS key.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from moto import mock_aws

from kili_export.changes.events.pending_changes import RECONCILE
from kili_export.core.bucket_layout import work_key
from kili_export.core.errors import ExportError
from kili_export.local.stack.template import ACCOUNT, REGION
from kili_export.local.workflow.definition import read_definition
from kili_export.maintenance.reconciliation.messages import ReconcileRequest
from kili_export.registration.notify_endpoint import NotifyEndpoint
from kili_export.runs.messages import WorkItem
from kili_export.steps.planning.work_list import write_work_list
from kili_export.wiring.application import Application
from kili_export.wiring.notifications import QueuedDeliveries, QueueRecord, RetryRequest
from kili_export.wiring.settings import Settings
from tests.artifacts.policies import Access, Policy
from tests.security.recorded_world import NAMES, NOBODY, RecordedWorld
from tests.support.kili_samples import job
from tests.support.named_tests import NAMED, exists
from tests.support.notified import (
    ScriptedSender,
    bus_event,
    declare,
    endpoint,
    failed,
    published,
)
from tests.support.protocol_world import PROJECT, ScriptedKili, arn
from tests.support.receivers import SECRET as SIGNING_SECRET
from tests.support.template_document import ROOT, functions, listed, resources_of, statements, text

QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/kili-export-deliveries"
VALUES = {
    "Bucket.Arn": f"arn:aws:s3:::{NAMES.bucket}",
    "Table.Arn": NAMES.table,
    "EventBus.Arn": NAMES.event_bus,
    "KiliApiKeySecret": NAMES.kili_secret,
    "WebhookSecret": NAMES.webhook_secret,
    # Requests name a queue by its address.
    "NotifyQueue.Arn": QUEUE_URL,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "kili-export",
}

_FAILED_UPLOAD = (
    "an upload in parts that fails is ended: "
    "tests/integration/test_archive_on_s3.py::test_no_upload_is_left_by_any_failure"
)
_RESUMED = (
    "an upload that outlasts an invocation is gone on with: "
    "tests/integration/test_resumed_copies.py::test_the_next_invocation_goes_on_where_time_was_up"
)
_RETENTION = (
    "retention deletes what nobody needs: "
    "tests/unit/maintenance/retention/test_retention.py::test_generations_go_by_number_once_they_are_old"
)
_JOINED = (
    "an archive of many objects is made of few that are joined first: "
    "tests/integration/test_joined_archives.py::test_an_archive_of_many_objects_outlasts_invocations"
)
_MACHINE = (
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    ":stateMachine:${AWS::StackName}-export"
)
_OWN_KEY = (
    "a project may have a key of its own: "
    "tests/unit/wiring/test_wiring.py::test_each_project_is_read_with_its_own_key"
)
_OWN_KEYS = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}"
    ":secret:${AWS::StackName}/kili-keys/*"
)
_POLLED = (
    "the queue's messages are taken with the function's role: "
    "tests/contract/test_template_wiring.py::test_a_queue_brings_events_to_who_delivers_them"
)
RARE: dict[tuple[str, str, str], str] = {
    ("notify", "sqs:ReceiveMessage", "${NotifyQueue.Arn}"): _POLLED,
    ("notify", "sqs:DeleteMessage", "${NotifyQueue.Arn}"): _POLLED,
    ("notify", "sqs:GetQueueAttributes", "${NotifyQueue.Arn}"): _POLLED,
    ("convert_assets", "secretsmanager:GetSecretValue", _OWN_KEYS): _OWN_KEY,
    ("plan_export", "secretsmanager:GetSecretValue", _OWN_KEYS): _OWN_KEY,
    ("reconcile", "secretsmanager:GetSecretValue", _OWN_KEYS): _OWN_KEY,
    ("aggregate_archive", "s3:AbortMultipartUpload", "${Bucket.Arn}/exports/*"): _FAILED_UPLOAD,
    ("aggregate_archive", "s3:AbortMultipartUpload", "${Bucket.Arn}/state/*"): _FAILED_UPLOAD,
    ("aggregate_archive", "s3:ListMultipartUploadParts", "${Bucket.Arn}/exports/*"): _RESUMED,
    ("aggregate_archive", "s3:ListMultipartUploadParts", "${Bucket.Arn}/state/*"): _RESUMED,
    ("aggregate_archive", "s3:DeleteObject", "${Bucket.Arn}/exports/*"): _RETENTION,
    ("aggregate_archive", "s3:DeleteObject", "${Bucket.Arn}/state/*"): _RETENTION,
    ("aggregate_archive", "s3:PutObject", "${Bucket.Arn}/runs/*/joins/*"): _JOINED,
    ("aggregate_archive", "s3:DeleteObject", "${Bucket.Arn}/runs/*/joins/*"): _JOINED,
    ("aggregate_archive", "s3:ListMultipartUploadParts", "${Bucket.Arn}/runs/*/joins/*"): _JOINED,
    ("aggregate_archive", "s3:AbortMultipartUpload", "${Bucket.Arn}/runs/*/joins/*"): _JOINED,
    ("convert_assets", "s3:AbortMultipartUpload", "${Bucket.Arn}/runs/*"): _FAILED_UPLOAD,
    ("convert_assets", "s3:ListBucket", "${Bucket.Arn}"): (
        "a plan that expired is told apart from one that may not be read: "
        "tests/contract/test_template_permissions.py"
        "::test_who_reads_the_bucket_can_tell_that_an_object_is_not_there"
    ),
    ("plan_export", "s3:AbortMultipartUpload", "${Bucket.Arn}/runs/*"): _FAILED_UPLOAD,
    ("plan_export", "s3:DeleteObject", "${Bucket.Arn}/exports/*"): _RETENTION,
    ("plan_export", "states:StartExecution", _MACHINE): (
        "marks that came while an idle run held the lease get a run: tests/unit/runs/"
        "test_lease.py::test_an_idle_plan_looks_for_marks_again_after_it_released"
    ),
}
"""Grants that the recorded scenarios do not need: function, action and place, and who needs it."""


def ordinary_course() -> RecordedWorld:
    media = {"format": "kili", "with_assets": True, "deliver": {"tree": True}}
    world = RecordedWorld(exports={"raw": "kili", "media": media})
    world.request_run(PROJECT)
    world.run_pending()
    world.submit("as_001", "again", 0.3)
    world.run_pending()
    # By then what was exported is looked at once more.
    world.clock.advance(600)
    world.look_after()
    world.request_run(PROJECT, full=True)
    world.run_pending()
    return world


def small_runs_are_made_whole() -> RecordedWorld:
    tree = {"format": "yolo_v8", "deliver": {"tree": True}}
    world = RecordedWorld(short=True, exports={"raw": "kili", "yolo": tree})
    world.request_run(PROJECT)
    world.run_pending()
    for number in range(3):
        world.submit("as_001", f"again_{number}", 0.3 + number / 10)
        world.run_pending()
    world.submit("as_001", "at_last", 0.9)
    world.look_after()
    world.run_pending()
    return world


def full_export_in_slices() -> RecordedWorld:
    world = RecordedWorld(assets=6, slice_assets=2)
    world.request_run(PROJECT)
    first = world.pending()[0]
    world.run(first)
    world.submit("as_001", "meanwhile", 0.3)
    world.run_pending()
    return world


def a_run_dies_in_the_middle_of_uploads() -> RecordedWorld:
    world = RecordedWorld()
    world.request_run(PROJECT)
    world.run_pending()
    world.submit("as_001", "again", 0.3)
    name = world.pending()[0]
    world.begin(name)
    s3 = world.objects._client  # type: ignore[attr-defined]
    for key in (f"exports/{PROJECT}/raw/archives/x.zip", f"state/{PROJECT}/raw/ledgers/x.zip"):
        s3.create_multipart_upload(Bucket=NAMES.bucket, Key=key)
    world.workflow.running.discard(arn(name))
    world.clock.advance(600)
    world.look_after(compare=False)
    world.run_pending()
    return world


def a_run_meets_another() -> RecordedWorld:
    world = RecordedWorld()
    world.request_run(PROJECT)
    name = world.pending()[0]
    planned = world.begin(name)
    world.clock.advance(600)
    world.submit("as_001", "again", 0.3)
    other = world.pending()[0]
    world.begin(other)
    results = world.convert(planned)
    world.aggregate(planned, results)
    world.aggregate(planned, results)
    world.finish_run(name, planned, results, [])
    world.run_pending()
    return world


def assets_vanish_and_break() -> RecordedWorld:
    kili = ScriptedKili()
    world = RecordedWorld(assets=12, kili=kili)
    world.request_run(PROJECT)
    world.run_pending()
    kili.broken.add("as_001")
    world.submit("as_001", "again", 0.3)
    for number in range(4, 12):
        del kili.assets[f"as_{number:03d}"]
        world.post(f"as_{number:03d}", event="asset.deleted")
    world.run_pending()
    world.look_after()
    world.confirm_removals(PROJECT)
    world.run_pending()
    world.objects.delete([f"registrations/{PROJECT}.json"])
    world.post("as_002", "unheard")
    return world


def what_was_gone_is_there_again() -> RecordedWorld:
    kili = ScriptedKili()
    world = RecordedWorld(assets=12, kili=kili)
    world.request_run(PROJECT)
    world.run_pending()
    former = dict(kili.assets)
    for number in range(4, 12):
        del kili.assets[f"as_{number:03d}"]
        world.post(f"as_{number:03d}", event="asset.deleted")
    world.request_run(PROJECT, full=True)
    world.run_pending()
    kili.assets = former
    world.look_after()
    world.run_pending()
    return world


def an_export_cannot_be_made_any_more() -> RecordedWorld:
    world = RecordedWorld()
    world.request_run(PROJECT)
    world.run_pending()
    world.register(raw="kili", places="geojson")
    world.request_run(PROJECT)
    world.run_pending()
    kili = world.scripted
    kili.visible = False
    world.submit("as_001", "again", 0.3)
    with pytest.raises(ExportError):
        world.run_pending()
    return world


def gates_name_snapshots_and_hold_the_copy() -> RecordedWorld:
    rules = {
        "snapshot_when": {"changed": 1, "keep": 1},
        "hold_latest_while": {"classes_change": {"for_hours": 1}},
    }
    world = RecordedWorld(exports={"raw": {"format": "kili", "publish": rules}})
    world.request_run(PROJECT)
    world.run_pending()
    world.scripted.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    world.look_after()
    world.run_pending()
    world.clock.advance(7200)
    world.look_after()
    world.run_pending()
    return world


class _OnePage:
    """An invocation has time for one page."""

    def is_up(self) -> bool:
        return True


def comparisons_outlast_invocations() -> RecordedWorld:
    world = RecordedWorld()
    world.request_run(PROJECT)
    world.run_pending()
    while world.reconcile(ReconcileRequest(), _OnePage()).projects[0].unfinished:
        world.clock.advance(3600)
    world.marks.mark(PROJECT, RECONCILE)
    world.time_left = _OnePage()
    world.request_run(PROJECT)
    world.run_pending()
    return world


def a_work_list_is_long() -> RecordedWorld:
    world = RecordedWorld(assets=1)
    items = (WorkItem(asset_id=f"as_{number:0100d}") for number in range(45_000))
    with world.recorder.working("plan_export"):
        write_work_list(world.objects, work_key(PROJECT, "run"), items, piece=5 << 20)
    return world


def events_are_delivered() -> RecordedWorld:
    world = RecordedWorld()
    queues, secrets = (world._client(name) for name in ("sqs", "secretsmanager"))
    [queue] = queues.create_queue(QueueName="kili-export-deliveries")["QueueUrl"].splitlines()
    assert queue == QUEUE_URL
    made = secrets.create_secret(Name="kili-export/notify/training", SecretString=SIGNING_SECRET)
    prefix, _, name = made["ARN"].rpartition("/")
    one = endpoint(secret=name)
    declare(world.objects, one)
    settings = Settings(
        bucket_name=NAMES.bucket,
        table_name=NAMES.table,
        notify_queue_url=queue,
        notify_secret_prefix=f"{prefix}/",
    )
    app = Application(
        settings, clock=world.clock, make_client=lambda service, **_: world._client(service)
    )
    again = RetryRequest(
        project_id=PROJECT, delivery_id=failed().delivery_id(NotifyEndpoint(**one))
    )
    bodies = [*map(bus_event, (published(), failed(), published(project_id="x")))]
    for body, answer in zip([*bodies, again.model_dump_json()], (500, 410, 204, 204), strict=True):
        queues.send_message(QueueUrl=queue, MessageBody=body)
        [message] = queues.receive_message(QueueUrl=queue)["Messages"]
        record = QueueRecord(
            messageId="m", receiptHandle=message["ReceiptHandle"], body=message["Body"]
        )
        with world.recorder.working("notify"):
            deliveries = QueuedDeliveries(app)
            sender = ScriptedSender([answer])
            deliveries.notifier = replace(deliveries.notifier, sender=sender)
            deliveries(record)
    return world


SCENARIOS: tuple[Callable[[], RecordedWorld], ...] = (
    ordinary_course,
    small_runs_are_made_whole,
    full_export_in_slices,
    a_run_dies_in_the_middle_of_uploads,
    a_run_meets_another,
    assets_vanish_and_break,
    what_was_gone_is_there_again,
    gates_name_snapshots_and_hold_the_copy,
    an_export_cannot_be_made_any_more,
    comparisons_outlast_invocations,
    a_work_list_is_long,
    events_are_delivered,
)


@pytest.fixture(scope="module")
def recorded() -> dict[str, set[Access]]:
    found: dict[str, set[Access]] = defaultdict(set)
    for scenario in SCENARIOS:
        with mock_aws():
            world = scenario()
            for function, accesses in world.recorder.accesses.items():
                found[function] |= accesses
    return found


def policy_of(name: str) -> Policy:
    return Policy(functions()[name], VALUES)


def grants_of(name: str) -> set[tuple[str, str]]:
    return {
        (action, text(place))
        for statement in statements(functions()[name], with_kms_key=False)
        for action in listed(statement["Action"])
        for place in listed(statement["Resource"])
    }


def filled(place: str) -> str:
    for name, value in VALUES.items():
        place = place.replace(f"${{{name}}}", value)
    return place


@pytest.mark.parametrize("name", sorted(functions()))
def test_nothing_is_missing(recorded: dict[str, set[Access]], name: str) -> None:
    assert recorded[name], "it sent nothing at all"
    policy = policy_of(name)
    missing = {access for access in recorded[name] if policy.statement_for(access) is None}
    assert missing == set()


@pytest.mark.parametrize("name", sorted(functions()))
def test_nothing_is_too_much(recorded: dict[str, set[Access]], name: str) -> None:
    unused = {
        (action, place)
        for action, place in grants_of(name)
        if not any(
            one.action == action and fnmatchcase(one.resource, filled(place))
            for one in recorded[name]
        )
    }
    explained = {(action, place) for function, action, place in RARE if function == name}
    assert unused - explained == set(), f"grants that nothing needs: {sorted(unused - explained)}"
    assert explained - unused == set(), "explanations of grants that are used, or that are gone"


@pytest.mark.parametrize("reason", sorted(set(RARE.values())))
def test_every_explanation_names_a_test(reason: str) -> None:
    [named] = NAMED.findall(reason)
    assert exists(named), f"{named} is not there"


def kms_needs(accesses: set[Access]) -> set[str]:
    """What a key of one's own must allow for these accesses.

    Reading decrypts; writing makes a data key; completing an upload in parts, and a copy, decrypt
    besides, and any write here may become an upload in parts.
    """
    reads = {"s3:GetObject", "secretsmanager:GetSecretValue"}
    needs = {"kms:Decrypt"} if any(one.action in reads for one in accesses) else set()
    if any(one.action == "s3:PutObject" for one in accesses):
        needs |= {"kms:Decrypt", "kms:GenerateDataKey"}
    return needs


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_key_of_ones_own_is_granted_as_far_as_needed(
    recorded: dict[str, set[Access]], name: str
) -> None:
    granted = {
        action
        for statement in statements(functions()[name], with_kms_key=True)
        for action in listed(statement["Action"])
        if action.startswith("kms:")
    }
    assert granted == kms_needs(recorded[name])


MAP_NEEDS = {
    "arn:${Partition}:states:::lambda:invoke": {"lambda:InvokeFunction"},
    "arn:${Partition}:states:::s3:getObject": {"s3:GetObject"},
    # The results are written in parts when they are many.
    "arn:${Partition}:states:::s3:putObject": {
        "s3:PutObject",
        "s3:ListMultipartUploadParts",
        "s3:AbortMultipartUpload",
        # Results that are there already are read to be listed.
        "s3:GetObject",
    },
    # A distributed map starts its children, follows them, and stops or resumes them.
    "DISTRIBUTED": {
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "states:RedriveExecution",
    },
}
"""What a state needs, by the resource that it names. Source: AWS' documentation of each."""


def resources_named(node: Any) -> Iterator[str]:
    """Every integration that the workflow's definition uses."""
    if isinstance(node, dict):
        if isinstance(node.get("Resource"), str):
            yield node["Resource"]
        if node.get("Mode") == "DISTRIBUTED":
            yield "DISTRIBUTED"
        for value in node.values():
            yield from resources_named(value)
    elif isinstance(node, list):
        for value in node:
            yield from resources_named(value)


def test_the_workflow_may_do_what_its_states_do_and_nothing_else() -> None:
    [machine] = resources_of("AWS::Serverless::StateMachine").values()
    granted = {
        action
        for statement in statements(machine["Properties"], with_kms_key=False)
        for action in listed(statement["Action"])
    }
    definition = read_definition(ROOT / "statemachine" / "export.asl.yaml")
    named = set(resources_named(definition))
    assert named <= MAP_NEEDS.keys(), "an integration that no permission is known for"
    needed = set().union(*(MAP_NEEDS[resource] for resource in named))
    assert {action for action in granted if not action.startswith("logs:")} == needed


def test_nobody_else_was_at_work(recorded: dict[str, set[Access]]) -> None:
    assert recorded.keys() - {NOBODY, "workflow"} == set(functions())
