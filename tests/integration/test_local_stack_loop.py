"""The whole loop on one machine: events in, archives out, whatever happens to the processes."""

import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.clock import SystemClock
from kili_export.local.demo.agreement import differences
from kili_export.local.kili_standin import generate_project
from kili_export.machine.state_files import StateFiles
from tests.support.local_bench import EXPORTS, Bench, dated_files, running_bench

SPANNING = {"README.kili.txt", "labels.json", "data.json", "remote_assets.csv"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("stack")) as running:
        yield running


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _of_asset(names: set[str], stem: str) -> set[str]:
    return {name for name in names if Path(name).name.partition(".")[0] == stem}


def test_one_submitted_label_changes_exactly_that_assets_files(bench: Bench) -> None:
    before = bench.archives()
    bench.world.submit_label("scene-28.png")
    bench.settle()
    after = bench.archives()
    for export in EXPORTS:
        changed = _changed(before[export], after[export])
        own = _of_asset(changed, "scene-28")
        spanning = {name for name in changed if Path(name).name in SPANNING}
        assert changed, f"nothing changed in {export}"
        assert changed == own | spanning, f"{export}: {sorted(changed)}"
        if export != "coco":
            assert own, f"{export}: the asset's own files did not change"


def test_the_delta_holds_only_what_changed(bench: Bench) -> None:
    """A newer label dates all files of its asset later, which changes them."""
    before = {name: bench.dated_files(name) for name in EXPORTS}
    bench.world.submit_label("scene-31.png")
    bench.settle()
    for name in EXPORTS:
        after = bench.dated_files(name)
        prefix = f"exports/{bench.project.id}/{name}"
        manifest = json.loads(bench.read(f"{prefix}/manifest.json"))
        path = bench.folder / "delta.zip"
        path.write_bytes(bench.read(manifest["recent_deltas"][-1]["key"]))
        with zipfile.ZipFile(path) as delta:
            files = dated_files(delta)
        del files["delta.json"]
        assert files == {one: after[one] for one in _changed(before[name], after)}


def test_runs_tell_what_they_used_and_what_that_costs(bench: Bench) -> None:
    bench.world.submit_label("scene-12.png")
    bench.settle()
    found = bench.stack.answer("cost", bench.project.id, "--events-per-window", "100")
    assert 1 < found["million_events"]["dollars"] < 1000
    assert found["full_export"]["dollars"] > 0
    assert found["month_at_rest"]["by_service"]["Secrets Manager"] == pytest.approx(0.8)
    manifest = json.loads(bench.read(f"exports/{bench.project.id}/yolo/manifest.json"))
    spending = manifest["spending"]
    assert spending["exports"] == len(EXPORTS)
    assert spending["convert"]["kili_calls"] >= 1
    assert spending["publish"]["requests"]["s3.PutObject"] >= 1
    assert spending["dollars"] > 0


def test_latest_zip_is_the_archive_that_the_manifest_names(bench: Bench) -> None:
    for export in bench.stack.answer("status", bench.project.id)["exports"]:
        latest = bench.read(f"exports/{bench.project.id}/{export['name']}/latest.zip")
        assert latest == bench.read(export["archive_key"])


def test_a_deleted_asset_leaves_every_archive(bench: Bench) -> None:
    bench.world.delete_asset("scene-32.png")
    bench.settle()
    for export, files in bench.archives().items():
        assert not _of_asset(set(files), "scene-32"), export
        assert b"scene-32.png" not in b"".join(files.values()), export


def test_consumers_are_told_of_every_publication(bench: Bench) -> None:
    with StateFiles(bench.stack.state, SystemClock()) as files:
        before = max((one.number for one in files.announcements.after(0)), default=0)
        bench.world.submit_label("scene-35.png")
        bench.settle()
        told = list(files.announcements.after(before))
    assert {one.detail_type for one in told} == {"Export Published"}
    assert {one.detail["export_name"] for one in told} == set(EXPORTS)
    assert all(one.detail["freshness_seconds"] > 0 for one in told)


def test_no_change_is_pending_once_everything_is_published(bench: Bench) -> None:
    with StateFiles(bench.stack.state, SystemClock()) as files:
        bench.world.submit_label("scene-44.png")
        assert bench.world.courier.wait_idle(120)
        bench.settle()
        deadline = time.monotonic() + 60
        while files.changes.projects() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert files.changes.projects() == ()


@pytest.mark.parametrize(
    ("body", "secret", "status"),
    [
        (b"{}", "wrong", 401),
        (b"not json", None, 400),
        (b'{"eventType": 7}', None, 400),
        (b"\xff\xfe", None, 400),
        (b" " * (6 * 1024 * 1024 + 1), None, 413),
    ],
    ids=["wrong secret", "not JSON", "wrong shape", "not UTF-8", "too large"],
)
def test_calls_that_are_no_events_of_ours_are_refused(
    bench: Bench, body: bytes, secret: str | None, status: int
) -> None:
    response = bench.post(body, secret)
    assert response.status_code == status, response.text


def test_an_event_of_a_project_without_exports_is_taken_and_ignored(bench: Bench) -> None:
    response = bench.post(bench.submitted("asset", project="unregistered"))
    assert response.status_code == 202
    assert response.json()["accepted"] == 0
    assert response.json()["reason"]


def test_a_second_stack_on_the_same_state_is_refused(bench: Bench) -> None:
    done = bench.stack.command("up", "--port", "0")
    assert done.returncode == 2
    assert "already running" in done.stderr


def test_what_cannot_be_exported_is_refused_at_once_and_changes_nothing(bench: Bench) -> None:
    before = bench.stack.answer("status", bench.project.id)["exports"]
    done = bench.stack.command("register", bench.project.id, "--export", "a=geojson")
    assert done.returncode == 2, done.stdout
    assert "'a'" in done.stderr
    assert bench.stack.answer("status", bench.project.id)["exports"] == before


def test_pulling_what_is_not_there_leaves_the_target_alone(bench: Bench) -> None:
    target = bench.folder / "kept.zip"
    target.write_bytes(b"as before")
    done = bench.stack.command("pull", bench.project.id, "nothing", "--output", str(target))
    assert done.returncode == 2
    assert "has no export 'nothing'. Its exports: kili, yolo, coco." in done.stderr
    assert target.read_bytes() == b"as before"
    assert list(bench.folder.glob(".kept.zip.*")) == []


def test_many_removals_at_once_wait_for_confirmation(bench: Bench) -> None:
    project = bench.world.add_project(generate_project(seed=7, assets=12))
    stack = bench.stack
    stack.answer("register", project.id, "--export", "raw=kili")
    stack.answer("wait", project.id)
    whole = stack.answer("status", project.id)["exports"][0]["counts"]["exported"]
    for asset in list(project.assets)[:6]:
        bench.world.delete_asset(asset, project_id=project.id, silent=True)
    assert stack.answer("reconcile", project.id)["vanished"] > 0
    assert stack.answer("wait", project.id, status=4)["outcome"] == "held"
    assert stack.answer("status", project.id, status=4)["exports"][0]["counts"]["exported"] == whole
    stack.answer("confirm", project.id)
    stack.answer("wait", project.id)
    assert stack.answer("status", project.id)["exports"][0]["counts"]["exported"] < whole
    stack.answer("unregister", project.id)


def test_a_tree_of_objects_follows_its_export(bench: Bench) -> None:
    project = bench.world.add_project(generate_project(seed=8, assets=12))
    stack = bench.stack
    prefix = f"exports/{project.id}/rows"

    def assert_same() -> None:
        stack.answer("wait", project.id)
        target = bench.folder / "rows.zip"
        stack.answer("pull", project.id, "rows", "--output", str(target))
        with zipfile.ZipFile(target) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        assert bench.below(f"{prefix}/tree/") == files
        state = json.loads(bench.read(f"{prefix}/tree.json"))
        manifest = json.loads(bench.read(f"{prefix}/manifest.json"))
        assert (state["status"], state["version"]) == ("current", manifest["version"])

    declared = bench.folder / "tree.json"
    export = {"name": "rows", "format": "kili", "deliver": {"tree": True}}
    declared.write_text(json.dumps({"exports": [export]}))
    stack.answer("register", project.id, "--file", str(declared))
    assert_same()
    bench.world.delete_asset(min(project.assets), project_id=project.id, silent=True)
    stack.answer("reconcile", project.id)
    assert_same()
    del export["deliver"]
    declared.write_text(json.dumps({"exports": [export]}))
    registered = stack.answer("register", project.id, "--file", str(declared))
    assert (registered["redirected"], registered["changed"]) == (["rows"], [])
    assert json.loads(bench.read(f"{prefix}/tree.json"))["ended_at"] is not None
    stack.answer("unregister", project.id)


def test_a_stack_that_is_killed_in_the_middle_of_runs_comes_back_right(bench: Bench) -> None:
    for number in range(36, 42):
        bench.world.submit_label(f"scene-{number}.png")
    bench.world.faults.set(kind="latency", target="assets", times=None, seconds=60.0)
    # So few changes are converted and published where they are planned.
    bench.catch_in("PlanExport", "scene-42.png")
    bench.world.faults.clear()
    bench.restart_after_kill()
    with bench.stack.held("plan_export"):
        bench.catch_in("PlanExport", "scene-43.png")
    bench.restart_after_kill()
    _assert_fresh(bench, "kili-judge", "yolo-judge", "coco-judge")


def test_without_its_webhook_kili_calls_no_more(bench: Bench) -> None:
    assert bench.world.webhooks.listing()
    bench.stack.answer("webhook", "remove", bench.project.id)
    assert bench.world.webhooks.listing() == []


def test_stopping_ends_everything_with_status_zero(bench: Bench) -> None:
    assert bench.stack.end() == 0
    assert bench.stack.command("status").returncode == 2


def _assert_fresh(bench: Bench, *judges: str) -> None:
    """Exports that are made from nothing are the judges of those that have followed the events."""
    bench.settle()
    bench.register(*judges)
    bench.settle()
    for judge in judges:
        export = judge.partition("-")[0]
        bench.archive(export)
        bench.archive(judge)
        ours, theirs = bench.folder / f"{export}.zip", bench.folder / f"{judge}.zip"
        assert differences(ours, theirs) == [], export
