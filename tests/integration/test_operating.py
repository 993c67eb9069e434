"""The procedures of docs/how-to/operate.md that need no account, on a stack of this machine."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from kili_export.local.demo.agreement import differences
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.machine.state_files import DATABASE
from tests.support.aws_services import LocalAws
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow

LABEL = "labels/scene-28.png.json: the contents differ"


@dataclass
class Site:
    """A running stack with one project, whose export `raw` is published."""

    world: KiliWorld
    project: Project
    stack: StackProcess
    folder: Path

    def register(self) -> None:
        """Declares the export, as a person does that has its declaration in a file."""
        self.stack.answer("register", self.project.id, "--export=raw=kili")

    def settle(self) -> None:
        """Waits until Kili has called and everything is published."""
        assert self.world.courier.wait_idle(120), "Kili's calls did not arrive"
        self.stack.answer("wait", self.project.id)

    def pulled(self, name: str) -> Path:
        """The current archive, in a file of this name."""
        target = self.folder / f"{name}.zip"
        self.stack.answer("pull", self.project.id, "raw", "--output", str(target))
        return target

    def webhooks(self) -> list[str]:
        """The names of the webhooks in Kili."""
        return [one.name for one in self.world.webhooks.listing()]

    def empty_table(self) -> None:
        """Deletes every record, as a table that was just made has none."""
        with closing(sqlite3.connect(self.stack.state / DATABASE)) as database, database:
            tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for (table,) in tables.fetchall():
                database.execute(f"DELETE FROM {table}")

    def empty_bucket(self, prefix: str = "") -> list[str]:
        """Deletes every object, as a bucket that was just made has none. Answers their keys."""
        running = StateDirectory(self.stack.state).running()
        bucket, s3 = self.stack.ready["bucket"], LocalAws(running.environment).client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
        return keys


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("stack")
    world = KiliWorld(api_key="site-key")
    project = world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(folder / "state", kili, world.api_key)
        stack.start()
        site = Site(world, project, stack, folder)
        try:
            site.register()
            stack.answer("webhook", "install", project.id)
            site.settle()
            yield site
        finally:
            stack.discard()


def test_prometheus_reads_what_the_functions_count(site: Site) -> None:
    url = site.stack.said["webhook_url"].replace("/webhooks/kili", "/metrics")

    def metrics() -> dict[str, float]:
        headers = {"Authorization": f"Bearer {site.stack.ready['metrics_token']}"}
        with urlopen(Request(url, headers=headers), timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            lines = answer.read().decode().splitlines()
        rows = [line.split(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in rows}

    before = metrics()
    assert before["kili_export_exports_published_total"] >= 1
    site.world.submit_label("scene-28.png")
    site.settle()
    after = metrics()
    for name in ("events_accepted_total", "exports_published_total", "freshness_seconds_count"):
        assert after[f"kili_export_{name}"] > before[f"kili_export_{name}"], name
    with pytest.raises(HTTPError) as refused:
        urlopen(url, timeout=60)
    assert refused.value.code == 401
    refused.value.close()


def test_the_history_of_a_project_is_that_of_all_its_exports(site: Site) -> None:
    one = site.stack.answer("history", site.project.id, "raw")
    assert one["generations"]
    assert site.stack.answer("history", site.project.id) == {"exports": {"raw": one}}
    shown = site.stack.command("history", site.project.id)
    assert "Generations of raw" in shown.stdout
    refused = site.stack.command("history", "nothing")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has no published export" in refused.stderr


def test_who_waits_for_what_was_declared_sees_how_far_it_has_come(site: Site) -> None:
    declared = ("register", site.project.id, "--export=raw=kili")
    done = site.stack.command(*declared, "--wait", "--json")
    first, *events, last = map(json.loads, done.stdout.splitlines())
    assert first["unchanged"] == ["raw"]
    assert {one["event"] for one in events} == {"progress"}
    assert (done.returncode, last["outcome"]) == (0, "ok")
    done = site.stack.command(*declared, "--wait")
    assert done.stdout.splitlines()[-1] == "Everything is published."
    assert "Follow it with" not in done.stdout
    assert done.stderr.splitlines()


def test_after_the_table_was_lost_a_run_publishes_what_was_pending(site: Site) -> None:
    before = site.pulled("before")
    with site.stack.held("plan_export"):
        site.world.submit_label("scene-28.png")
        assert site.world.courier.wait_idle(120)
        site.empty_table()
    site.stack.answer("run", site.project.id, "--wait")
    assert differences(site.pulled("after"), before) == [LABEL]


def test_after_the_bucket_was_lost_registering_makes_the_same_archive_again(site: Site) -> None:
    before = site.pulled("before")
    assert len(site.empty_bucket()) > 5
    site.register()
    site.settle()
    assert differences(site.pulled("after"), before) == []


def test_after_both_were_lost_registering_makes_the_same_archive_again(site: Site) -> None:
    before = site.pulled("before")
    site.empty_table()
    assert len(site.empty_bucket()) > 5
    site.register()
    site.settle()
    assert differences(site.pulled("after"), before) == []


def test_a_lost_registration_is_declared_again_and_the_export_goes_on(site: Site) -> None:
    before = site.pulled("before")
    assert len(site.empty_bucket("registrations/")) == 1
    site.register()
    site.world.submit_label("scene-28.png")
    site.settle()
    assert differences(site.pulled("after"), before) == [LABEL]


def test_a_state_directory_goes_on_on_another_machine(site: Site) -> None:
    before = site.pulled("before")
    site.stack.end()
    moved = site.folder / "elsewhere" / "state"
    shutil.copytree(site.stack.state, moved)
    shutil.rmtree(site.stack.state)
    site.stack.state = moved
    site.stack.start()
    # The address of a stack on one machine changes with it.
    site.stack.answer("webhook", "install", site.project.id)
    site.world.submit_label("scene-28.png")
    site.settle()
    assert differences(site.pulled("after"), before) == [LABEL]


def test_a_teardown_removes_webhooks_and_erases_on_request(site: Site) -> None:
    site.stack.answer("webhook", "install", site.project.id)
    assert site.webhooks() == [f"kili-export-{site.project.id}"]
    answer = site.stack.answer("teardown")
    assert (answer["webhooks_removed"], answer["purged"]) == ([site.project.id], [])
    assert site.webhooks() == []
    assert site.pulled("still").stat().st_size, "without --purge the data stay"

    refused = site.stack.command("teardown", "--purge")
    assert refused.returncode == 2
    assert site.project.id in refused.stderr
    assert "--yes" in refused.stderr

    answer = site.stack.answer("teardown", "--purge", "--yes")
    assert (answer["purged"], answer["failed"], answer["kept"]) == ([site.project.id], {}, [])
    tombstone = f"exports/{site.project.id}/raw/manifest.json"
    assert site.empty_bucket() == [tombstone]
