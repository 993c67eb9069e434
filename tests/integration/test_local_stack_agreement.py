"""The whole loop's archives are what Kili's own SDK exports, through changes and through faults."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random

import pytest

from kili_export.local.demo.agreement import differences
from tests.support.archive_readers import check_with_every_reader
from tests.support.local_bench import EXPORTS, Bench, running_bench

pytestmark = pytest.mark.slow

EVENTS = 40


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("agreement")) as running:
        yield running


def assert_agrees_with_the_sdk(bench: Bench) -> None:
    """Every archive holds what the SDK exports now."""
    theirs = bench.folder / "sdk"
    theirs.mkdir(exist_ok=True)
    subprocess.run(
        (
            *(sys.executable, "-m", "kili_export.local.demo.sdk_exports"),
            *(bench.stack.kili.endpoint, bench.project.id, str(theirs), *EXPORTS.values()),
        ),
        input=bench.world.api_key,
        text=True,
        capture_output=True,
        timeout=120,
        check=True,
    )
    for export, kind in EXPORTS.items():
        bench.archive(export)
        assert differences(bench.folder / f"{export}.zip", theirs / f"{kind}.zip") == [], export


def assert_is_read_alike_by_every_reader(bench: Bench) -> None:
    """Which takes longer than to compare with the SDK: once for each way to be written."""
    for export in EXPORTS:
        files = bench.archive(export)
        read = check_with_every_reader(bench.folder / f"{export}.zip")
        assert read.contents.keys() == files.keys(), export


def test_a_full_export_is_what_the_sdk_exports(bench: Bench) -> None:
    assert_agrees_with_the_sdk(bench)
    assert_is_read_alike_by_every_reader(bench)


def test_after_many_changes_of_every_kind_it_still_is(bench: Bench) -> None:
    random = Random(20)
    for number in range(EVENTS):
        _change(bench, random, number)
        if number == EVENTS // 2:
            _add_a_class(bench)
        if number % 9 == 0:
            bench.settle()
    bench.settle()
    bench.stack.answer("reconcile", bench.project.id)
    bench.settle()
    assert_agrees_with_the_sdk(bench)
    assert_is_read_alike_by_every_reader(bench)


def _change(bench: Bench, random: Random, number: int) -> None:
    world, project = bench.world, bench.project
    labelled = [asset for asset in project.assets.values() if asset.labels]
    asset = random.choice(labelled)
    submitted = [one for one in asset.labels if one.label_type in {"DEFAULT", "REVIEW"}]
    changes: list[Callable[[], object]] = [
        lambda: world.submit_label(asset.id),
        lambda: world.submit_label(random.choice(list(project.assets))),
        lambda: world.review(asset.id),
        lambda: world.edit_label(asset.labels[-1].id),
        lambda: world.delete_label(asset.labels[-1].id),
        lambda: world.rename_asset(asset.id, f"renamed {number}/ä.png"),
        lambda: world.submit_label(world.add_asset(f"new-{number}.png").id),
    ]
    if submitted:
        changes.append(lambda: world.send_back(asset.id))
    if number % 10 == 0:
        changes = [lambda: world.delete_asset(asset.id)]
    random.choice(changes)()


def _add_a_class(bench: Bench) -> None:
    """Before all others, so that every class changes its number."""
    interface = deepcopy(bench.project.json_interface)
    for job in interface["jobs"].values():
        declared = job["content"]["categories"]
        job["content"]["categories"] = {"NEWCOMER": {"name": "Newcomer"}, **declared}
    bench.world.set_interface(interface)


@pytest.mark.parametrize(
    ("kind", "target"),
    [("throttled", "assets"), ("internal_error", "assets"), ("expired", "content")],
)
def test_a_fault_of_kili_delays_and_never_falsifies(bench: Bench, kind: str, target: str) -> None:
    bench.world.faults.set(kind=kind, target=target, times=2)
    bench.world.submit_label(next(iter(bench.project.assets)))
    assert bench.world.courier.wait_idle(120)
    bench.stack.command("wait", bench.project.id)
    bench.world.faults.clear()
    bench.stack.answer("reconcile", bench.project.id)
    bench.settle()
    assert_agrees_with_the_sdk(bench)


def test_a_refused_key_is_told_and_changes_nothing(bench: Bench) -> None:
    before = bench.archives()
    bench.world.faults.set(kind="wrong_key", times=None)
    bench.world.submit_label(next(iter(bench.project.assets)))
    assert bench.world.courier.wait_idle(120)
    done = bench.stack.command("run", bench.project.id, "--wait", "--timeout", "60")
    assert done.returncode != 0
    assert "key" in done.stdout + done.stderr
    assert bench.archives() == before
    bench.world.faults.clear()
    bench.stack.answer("run", bench.project.id, "--wait")
    bench.settle()
    assert_agrees_with_the_sdk(bench)


def test_lost_access_to_the_project_removes_nothing(bench: Bench) -> None:
    before = bench.archives()
    bench.world.faults.set(kind="access_lost", times=None)
    done = bench.stack.command("run", bench.project.id, "--full", "--wait", "--timeout", "60")
    assert done.returncode != 0
    assert bench.archives() == before
    bench.world.faults.clear()
    bench.stack.answer("run", bench.project.id, "--full", "--wait")
    assert_agrees_with_the_sdk(bench)


def test_a_label_that_cannot_be_read_is_listed_and_stops_nobody(bench: Bench) -> None:
    before = bench.archives()
    unreadable, other = list(bench.project.assets)[1:3]
    bench.world.faults.set(kind="expired", times=None)
    bench.world.submit_label(unreadable)
    assert bench.world.courier.wait_idle(120)
    bench.stack.answer("wait", bench.project.id, status=3)
    bench.world.faults.clear()
    assert bench.archives() == before
    listed = bench.stack.answer("status", bench.project.id, "--assets", status=3)["exports"]
    named = [one["asset_id"] for export in listed for one in export["quarantined_assets"]]
    assert set(named) == {unreadable}
    assert len(named) == sum(export["quarantined"] for export in listed)
    bench.world.submit_label(other)
    bench.settle(status=3)
    assert bench.archives() != before
    bench.stack.answer("reconcile", bench.project.id)
    bench.settle()
    assert_agrees_with_the_sdk(bench)


def test_every_reader_was_there_or_is_named(bench: Bench) -> None:
    verdict = check_with_every_reader(Path(bench.folder / "kili.zip"))
    if verdict.missing:
        pytest.skip(f"not on this machine: {', '.join(verdict.missing)}")
    assert len(verdict.readers) >= 5
