"""The composition root builds every use case, and a cold webhook imports little."""

import os
import subprocess
import sys

import pytest

from kili_export.core.bucket_layout import registration_key
from kili_export.kili.client import KiliClient
from kili_export.registration.parse_registration import parse_registration
from kili_export.wiring import operating, webhook
from kili_export.wiring.application import Application
from kili_export.wiring.completion import finish_export
from kili_export.wiring.conversion import convert_assets
from kili_export.wiring.planning import plan_export
from kili_export.wiring.publishing import aggregate_archive
from kili_export.wiring.reconciliation import reconcile
from kili_export.wiring.settings import Settings
from kili_export.wiring.webhook import receive_event
from tests.support.fakes import InMemoryObjects

SETTINGS = Settings(
    bucket_name="bucket",
    table_name="table",
    state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:export",
    event_bus_name="bus",
    webhook_secret_id="webhook",
    kili_api_key_secret_id="kili",
    kili_key_prefix="kili-keys/",
    kili_api_endpoint="http://127.0.0.1:9/api/label/v2/graphql",
)
WEBHOOK = """
import sys
from kili_export.wiring.application import application
from kili_export.wiring.webhook import receive_event
receive_event(application())
heavy = {"requests", "kili_export.kili.client", "kili_export.formats.registry"}
print(sorted(heavy & sys.modules.keys()))
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "BUCKET_NAME": "bucket",
        "TABLE_NAME": "table",
        "STATE_MACHINE_ARN": SETTINGS.state_machine_arn,
        "WEBHOOK_SECRET_ID": "webhook",
    }.items():
        monkeypatch.setenv(name, value)


def test_a_cold_webhook_imports_neither_the_kili_client_nor_the_formats() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WEBHOOK],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Application:
    """One whose bucket and secrets are in memory."""
    application = Application(SETTINGS)
    objects = InMemoryObjects()
    for project_id, secret in {"project1": None, "project2": "team-a"}.items():
        declared = {"project_id": project_id, "exports": [{"format": "coco"}], "key_secret": secret}
        objects.put(registration_key(project_id), parse_registration(declared).to_bytes())
    monkeypatch.setattr(application, "objects", objects)
    monkeypatch.setattr(
        "kili_export.aws.secrets.StoredSecret.versions",
        lambda one: (f"key-of-{one.secret_id}",),
    )
    return application


def test_every_use_case_is_put_together(application: Application) -> None:
    built = [
        receive_event(application),
        plan_export(application, "project1"),
        convert_assets(application, "project1"),
        aggregate_archive(application),
        finish_export(application),
        reconcile(application),
        operating.request_run(application),
        operating.confirm_removals(application),
        operating.status(application),
    ]
    assert all(callable(one) for one in built[:-1])


def test_a_process_keeps_what_its_webhook_remembers() -> None:
    assert webhook._receiver() is webhook._receiver()


def authorization(client: KiliClient) -> str | None:
    return client._transport.endpoint.authorization()


def test_each_project_is_read_with_its_own_key(application: Application) -> None:
    assert authorization(application.kili()) == "X-API-Key: key-of-kili"
    assert authorization(application.kili("project1")) == "X-API-Key: key-of-kili"
    assert authorization(application.kili("unknown")) == "X-API-Key: key-of-kili"
    assert authorization(application.kili("project2")) == "X-API-Key: key-of-kili-keys/team-a"


def test_a_client_of_kili_is_kept_with_what_it_knows(application: Application) -> None:
    client = application.kili("project1")
    assert application.kili() is client
    assert application.kili(most=5) is not client, "the schedule would slow runs down"
    assert application.kili("project2") is not client
