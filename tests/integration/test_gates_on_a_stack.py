"""Gates on a running stack: held back, named and released, as commands and readers see it."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow

NEVER = "86400"


def bytes_of(stack: StackProcess, key: str) -> bytes:
    """An object of the bucket."""
    ready = stack.ready
    session: Any = boto3.Session(
        aws_access_key_id=ready["aws_access_key_id"],
        aws_secret_access_key=ready["aws_secret_access_key"],
        region_name=ready["region"],
    )
    s3 = session.client("s3", endpoint_url=ready["s3_endpoint"])
    body: bytes = s3.get_object(Bucket=ready["bucket"], Key=key)["Body"].read()
    return body


def test_a_copy_is_held_while_readers_of_the_manifest_go_on(tmp_path: Path) -> None:
    world = KiliWorld(api_key="gates-key")
    project = world.add_project(sample_project())
    project.workflow_version = "V1"
    publish = {
        "snapshot_when": {"changed": 1, "keep": 1},
        "hold_latest_while": {"classes_change": True, "reviewed_below": 1},
    }
    declared = {"exports": [{"name": "yolo", "format": "yolo_v8", "publish": publish}]}
    (tmp_path / "exports.json").write_text(json.dumps(declared))
    latest = f"exports/{project.id}/yolo/latest.zip"
    with start_standin(world) as kili:
        stack = StackProcess(
            tmp_path / "state", kili, world.api_key, following=("--reconcile-every", NEVER)
        )
        try:
            stack.start()
            stack.answer("register", project.id, "--file", str(tmp_path / "exports.json"))
            stack.answer("wait", project.id)
            (first,) = stack.answer("status", project.id)["exports"]
            assert (first["latest"]["held"], first["latest"]["generation"]) == (
                ["reviewed_below"],
                None,
            )
            stack.answer("release", project.id, "yolo")
            stack.answer("wait", project.id)
            former = bytes_of(stack, latest)
            assert former == bytes_of(stack, first["archive_key"])

            interface = json.loads(json.dumps(project.json_interface))
            for job in interface["jobs"].values():
                job["content"]["categories"]["ANOTHER"] = {"name": "Another"}
            world.set_interface(interface, project_id=project.id)
            world.submit_label("scene-28.png", project_id=project.id)
            stack.answer("run", project.id, "--wait")
            (held,) = stack.answer("status", project.id)["exports"]
            assert held["generation"] == 2
            assert held["latest"]["held"] == ["classes_change", "reviewed_below"]
            assert held["latest"]["generation"] == 1
            assert bytes_of(stack, latest) == former
            assert "Let it out: kili-export release" in stack.command("status", project.id).stdout
            synced = stack.answer("sync", project.id, "yolo", str(tmp_path / "folder"))
            assert synced["generation"] == 2
            named = stack.answer("snapshots", project.id, "yolo")["snapshots"]
            assert [one["generation"] for one in named] == [2]
            assert named[0]["name"].endswith("-g2")

            stack.answer("release", project.id, "yolo")
            stack.answer("wait", project.id)
            assert bytes_of(stack, latest) == bytes_of(stack, held["archive_key"])
            again = stack.command("release", project.id, "yolo")
            assert (again.returncode, "is not held back" in again.stderr) == (2, True)
        finally:
            stack.discard()
