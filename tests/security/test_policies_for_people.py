"""What the commands send to AWS, and what the managed policies for people allow: the same.

Each command is run against a deployed stack, as moto has it, and its requests are recorded.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from kili_export.aws.client import forget_credentials
from kili_export.aws.dynamodb.delivery_store import DynamoDeliveries
from kili_export.aws.dynamodb.table import Table
from kili_export.cli import main as entry
from kili_export.core.rate_limit import BudgetRules
from kili_export.kili.clients import KiliClients
from kili_export.kili.key_check import KeyCheck
from kili_export.local.stack.template import ACCOUNT, REGION
from kili_export.notifications.deliveries import Delivery
from kili_export.viewing.server import ViewServer
from tests.artifacts.policies import Access, Policy
from tests.security.recorded_world import NAMES, NOBODY, RecordedWorld, Recorder
from tests.security.test_least_privilege import QUEUE_URL, VALUES, kms_needs
from tests.support.named_tests import NAMED, exists
from tests.support.protocol_world import PROJECT, ScriptedKili
from tests.support.template_document import listed, resources_of, statements, text

STACK: Final = "kili-export"
MACHINE: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}-export"
COPIES: Final = "kili-copies"
OUTPUTS: Final = {
    "BucketName": NAMES.bucket,
    "CopiesBucketName": COPIES,
    "TableName": NAMES.table,
    "StateMachineArn": MACHINE,
    "EventBusName": NAMES.event_bus,
    "KiliApiKeySecretArn": NAMES.kili_secret,
    "KiliKeyPrefix": f"{STACK}/kili-keys/",
    "WebhookSecretArn": NAMES.webhook_secret,
    "NotifyQueueUrl": QUEUE_URL,
    "KiliApiEndpoint": "https://kili.example/api/label/v2/graphql",
    "WebhookUrl": "https://api.example/webhooks/kili",
}
READING: Final = ("pull", "sync", "report", "diff", "history", "snapshots", "view")
OPERATING: Final = (
    ("status",),
    ("status", PROJECT),
    ("doctor", PROJECT, "--url", "http://127.0.0.1:9"),
    ("run", PROJECT),
    ("run", PROJECT, "--full"),
    ("wait", PROJECT, "--timeout", "1"),
    ("reconcile", PROJECT),
    ("retry", PROJECT),
    ("confirm", PROJECT),
    ("release", PROJECT, "raw"),
    ("cost", PROJECT),
    ("deliveries",),
    ("deliveries", PROJECT, "--failed"),
    ("deliveries", PROJECT, "--retry", "msg_1"),
    ("snapshot", PROJECT, "raw", "v1"),
    ("snapshot", PROJECT, "raw", "v1", "--delete"),
    ("assets", PROJECT),
    ("labels", PROJECT),
    ("webhook", "install", PROJECT),
    ("webhook", "remove", PROJECT),
    ("register", PROJECT, "--export", "raw=kili", "--key-secret", "team"),
    ("purge", PROJECT, "raw", "--asset", "as_001", "--yes"),
    ("restore",),
    ("teardown",),
    ("unregister", PROJECT),
    ("purge", PROJECT, "--yes"),
)
POLICIES: Final = {"reader": "ReaderPolicy", "operator": "OperatorPolicy"}
_OBJECTS: Final = "${Bucket.Arn}/*"
RARE: Final[dict[tuple[str, str, str], str]] = {
    ("operator", "s3:DeleteObjectVersion", _OBJECTS): (
        "purge erases former versions: "
        "tests/unit/maintenance/retention/test_purging.py::test_a_purged_project_leaves_nothing_behind"
    ),
    ("operator", "s3:AbortMultipartUpload", _OBJECTS): (
        "purge ends what a killed process left: "
        "tests/integration/test_archive_on_s3.py::test_the_uploads_of_a_killed_process_can_be_ended"
    ),
    ("operator", "s3:PutObject", "${Bucket.Arn}/state/*"): (
        "a comparison that outlasts the command is kept: "
        "tests/unit/changes/comparison/test_long_comparisons.py::test_the_next_comparison_goes_on"
    ),
}
"""Grants that no recorded command needs, and what needs them."""


class WebhooksToo(ScriptedKili):
    """A Kili that has webhooks, and rows that nothing is in."""

    def check_key(self) -> KeyCheck:
        """Takes every key."""
        return KeyCheck(None, None)

    def install_webhook(self, *_: Any) -> None:
        """Nothing of AWS is asked for it."""

    def remove_webhook(self, *_: Any) -> None:
        """Likewise."""

    def find_assets(self, *_: Any) -> list[str]:
        """Finds nothing."""
        return []

    def find_labels(self, *_: Any) -> list[str]:
        """Finds nothing."""
        return []

    def iter_assets(self, *_: Any) -> Iterator[Any]:
        """Nothing was found."""
        return iter(())

    iter_labels = iter_assets


def kili_behind_its_key(kili: ScriptedKili) -> Any:
    def get(self: KiliClients, secret_id: str, _pace: Any) -> ScriptedKili:
        next(iter(self.versions_of(secret_id)))
        budget = self.budget_of(secret_id)
        budget.take(BudgetRules.per_minute(250), 1)
        budget.resume_at()
        return kili

    return get


def every_page(server: ViewServer) -> None:
    """What somebody does with the page, who then ends it."""
    for place in ("overview", "pictures", "history", "problems"):
        assert server.viewer.answer(place, {})[0] == HTTPStatus.OK
    server.close()


def deploy() -> None:
    document = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
    }
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(document))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=COPIES)
    s3.put_bucket_versioning(Bucket=COPIES, VersioningConfiguration={"Status": "Enabled"})
    boto3.client("sqs").create_queue(QueueName=QUEUE_URL.rpartition("/")[2])
    boto3.client("secretsmanager").create_secret(Name=f"{STACK}/kili-keys/team", SecretString="key")


@dataclass(frozen=True)
class Recorded:
    """What people of each kind sent."""

    accesses: dict[str, set[Access]]

    def of(self, person: str) -> set[Access]:
        return self.accesses[person]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
        }.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        kili = WebhooksToo()
        patch.setattr(KiliClients, "get", kili_behind_its_key(kili))
        patch.setattr(ViewServer, "serve", every_page)
        yield Recorded(_record(folder, kili))


def _record(folder: Path, kili: ScriptedKili) -> dict[str, set[Access]]:
    held = {"hold_latest_while": {"reviewed_below": 1}}
    world = RecordedWorld(exports={"raw": {"format": "kili", "publish": held}}, kili=kili)
    world.request_run(PROJECT)
    world.run_pending()
    # What a comparison finds.
    world.kili.label("as_001", "unheard", left=0.6)
    del world.kili.assets["as_002"]
    recorder = Recorder()
    forget_credentials()
    session: Any = boto3.DEFAULT_SESSION
    deploy()
    at = datetime(2026, 3, 2, tzinfo=UTC)
    delivery = Delivery("msg_1", PROJECT, "training", "Export Failed", "{}", at)
    DynamoDeliveries(Table(boto3.client("dynamodb"), NAMES.table)).record([delivery])
    session.events.register_first("before-send", recorder._sent)
    session.events.register("needs-retry.s3", recorder._answered)
    arguments = {
        "pull": (PROJECT, "raw", "--output", str(folder / "raw.zip")),
        "sync": (PROJECT, "raw", str(folder / "raw")),
        "report": (PROJECT, "raw"),
        "diff": (PROJECT, "raw", "1"),
        "history": (PROJECT, "raw"),
        "snapshots": (PROJECT, "raw"),
        "view": (PROJECT, "raw"),
    }
    with recorder.working("reader"):
        for name in READING:
            entry.main([name, *arguments[name], "--stack-name", STACK])
        entry.main(["report", PROJECT, "nothing", "--stack-name", STACK])
    with recorder.working("operator"):
        for words in OPERATING:
            entry.main([*words, "--stack-name", STACK])
    return {
        person: set(map(_by_arn, accesses))
        for person, accesses in recorder.accesses.items()
        if person != NOBODY
    }


def _by_arn(access: Access) -> Access:
    """IAM decides by the ARN of a secret also when it is asked for by its name."""
    if not access.resource.startswith(f"{STACK}/kili-keys/"):
        return access
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{access.resource}"
    return Access(access.action, arn)


VALUES_OF_PEOPLE = {
    **VALUES,
    "AWS::StackId": STACK,
    "CopiesBucket.Arn": f"arn:aws:s3:::{COPIES}",
}


def policy(person: str) -> dict[str, Any]:
    document = resources_of("AWS::IAM::ManagedPolicy")[POLICIES[person]]["Properties"]
    return {"Policies": [document["PolicyDocument"]]}


def filled(place: str) -> str:
    for name, value in VALUES_OF_PEOPLE.items():
        place = place.replace(f"${{{name}}}", value)
    return place


def test_every_policy_is_somebody_s() -> None:
    assert set(resources_of("AWS::IAM::ManagedPolicy")) == set(POLICIES.values())


def test_every_command_is_tried() -> None:
    tried = {
        *READING,
        *(" ".join(words[:2]) if words[0] == "webhook" else words[0] for words in OPERATING),
    }
    # `export` reads Kili and writes files: it asks AWS for nothing.
    assert tried == set(entry._COMMANDS) - {"export"}


@pytest.mark.parametrize("person", sorted(POLICIES))
def test_nothing_is_missing(recorded: Recorded, person: str) -> None:
    allowed = Policy(policy(person), VALUES_OF_PEOPLE)
    sent = recorded.of(person)
    assert sent, "it sent nothing at all"
    assert {access for access in sent if allowed.statement_for(access) is None} == set()


@pytest.mark.parametrize("person", sorted(POLICIES))
def test_nothing_is_too_much(recorded: Recorded, person: str) -> None:
    unused = {
        (person, action, text(place))
        for statement in statements(policy(person), with_kms_key=False)
        for action in listed(statement["Action"])
        for place in listed(statement["Resource"])
        if not any(
            one.action == action and fnmatchcase(one.resource, filled(text(place)))
            for one in recorded.of(person)
        )
    }
    assert unused == {one for one in RARE if one[0] == person}


@pytest.mark.parametrize("reason", sorted(set(RARE.values())))
def test_every_explanation_names_a_test(reason: str) -> None:
    [named] = NAMED.findall(reason)
    assert exists(named), f"{named} is not there"


@pytest.mark.parametrize("person", sorted(POLICIES))
def test_a_key_of_ones_own_is_granted_as_far_as_needed(recorded: Recorded, person: str) -> None:
    granted = {
        action
        for statement in statements(policy(person), with_kms_key=True)
        for action in listed(statement["Action"])
        if action.startswith("kms:")
    }
    assert granted == kms_needs(recorded.of(person))


def test_readers_write_nothing_and_read_no_secret() -> None:
    actions = {
        action
        for statement in statements(policy("reader"), with_kms_key=True)
        for action in listed(statement["Action"])
    }
    assert actions == {
        "cloudformation:DescribeStacks",
        "s3:GetObject",
        "s3:ListBucket",
        "kms:Decrypt",
    }
