"""The composition root builds every use case, and a cold webhook imports little."""

import os
import subprocess
import sys

import pytest

from kili_export.bootstrap import Application
from kili_export.settings import Settings

SETTINGS = Settings(
    bucket_name="bucket",
    table_name="table",
    state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:export",
    event_bus_name="bus",
    webhook_secret_id="webhook",
    kili_api_key_secret_id="kili",
    kili_api_endpoint="http://127.0.0.1:9/api/label/v2/graphql",
)
WEBHOOK = """
import sys
from kili_export import bootstrap
bootstrap.receive_event()
heavy = {"requests", "kili_export.adapters.kili", "kili_export.domain.formats.registry"}
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


def test_every_use_case_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    application = Application(SETTINGS)
    monkeypatch.setattr("kili_export.adapters.secrets.StoredSecret.value", lambda _: "key")
    built = [
        application.receive_event,
        application.plan_export(),
        application.convert_assets(),
        application.aggregate_archive(),
        application.finish_export(),
        application.reconcile(),
        application.request_run(),
        application.confirm_removals(),
        application.status(),
    ]
    assert all(callable(one) for one in built[:-1])
    assert application.receive_event is built[0], "what it remembers would be lost"


def test_a_client_of_kili_is_kept_until_its_key_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["first", "second"]
    monkeypatch.setattr("kili_export.adapters.secrets.StoredSecret.value", lambda _: keys[0])
    application = Application(SETTINGS)
    client = application.kili(5)
    assert application.kili(5) is client
    assert application.kili(6) is not client, "workers and planners have budgets of their own"
    del keys[0]
    assert application.kili(5) is client, "the secret is read with every call"
    application._kili_clients.read_at = None
    assert application.kili(5) is not client, "a new key is never taken up"
