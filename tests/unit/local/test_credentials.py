"""Secrets of a stack are printed when they are asked for, and not before."""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.main import main
from kili_export.local.stack.metrics import metrics_token
from kili_export.local.stack.state_directory import RunningStack, StateDirectory
from kili_export.local.stack.supervisor import announcement

SECRETS = {"webhook_secret", "aws_access_key_id", "aws_secret_access_key", "page_url"}
FIELDS = SECRETS | {"s3_endpoint", "bucket", "region"}
TOKEN = {"metrics_token": metrics_token("the webhook_secret")}


def stack(state: Path) -> RunningStack:
    """A stack of which each field says its name."""
    names = set(RunningStack.__dataclass_fields__) - {"pid", "environment"}
    values = {name: f"the {name}" for name in names} | {"state_dir": str(state)}
    return RunningStack(**values, pid=1, environment={"KEY": "the environment's secret"})


def test_what_up_prints_holds_everything_but_secrets(tmp_path: Path) -> None:
    running = stack(tmp_path)
    told = announcement(running)
    assert set(told) == set(asdict(running)) - SECRETS - {"environment"}
    assert "secret" not in json.dumps(told)


@pytest.mark.parametrize("form", [("--json",), ()], ids=["JSON", "text"])
def test_who_asks_gets_them(
    form: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateDirectory(tmp_path)
    state.acquire()
    state.announce(stack(tmp_path))
    assert main(["credentials", "--state", str(tmp_path), *form]) == ExitCode.OK
    state.release()
    told = capsys.readouterr().out
    answer = json.loads(told) if form else dict(one.split(": ") for one in told.splitlines())
    assert answer == {name: f"the {name}" for name in FIELDS} | TOKEN


def test_without_a_stack_there_is_nothing_to_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["credentials", "--state", str(tmp_path)]) == ExitCode.USAGE
    assert "No stack is running" in capsys.readouterr().err


def test_a_shell_gets_what_boto3_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDirectory(tmp_path)
    state.acquire()
    state.announce(stack(tmp_path))
    assert main(["credentials", "--state", str(tmp_path), "--shell"]) == ExitCode.OK
    state.release()
    script = f"{capsys.readouterr().out}\nenv"
    others = {"PATH": os.environ["PATH"], "AWS_SESSION_TOKEN": "of another login"}
    done = subprocess.run(
        ("sh", "-ec", script), env=others, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {name: value for name, value in found.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL_S3": "the s3_endpoint",
        "AWS_REGION": "the region",
        "AWS_DEFAULT_REGION": "the region",
        "AWS_ACCESS_KEY_ID": "the aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY": "the aws_secret_access_key",
    }
