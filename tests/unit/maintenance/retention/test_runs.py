"""Runs that publish look after what is old, and are not disturbed by it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.core.bucket_layout import history_key
from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.maintenance.retention.history import History
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.wiring.settings import Settings
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import labelled, two_jobs
from tests.unit.steps.publishing.test_publishing_rules import YOLO

DAY_AND_MORE = 30 * 3600


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), dict(YOLO))
    for number in range(3):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    return made


def publish(bench: Workbench, number: int) -> str:
    """One generation, some time after the last one. Answers how its run ended."""
    bench.clock.advance(DAY_AND_MORE)
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.2 + number / 100)
    return bench.run(["as_001"])["yolo"].status


def kept(bench: Workbench, kind: str) -> int:
    return sum(f"/{kind}/" in key for key in bench.objects.stored)


def test_commits_that_change_no_file_do_not_pile_up(bench: Workbench) -> None:
    for number in range(1, 12):
        bench.clock.advance(DAY_AND_MORE)
        found = bench.kili.assets["as_001"]
        bench.kili.assets["as_001"] = replace(found, fingerprint=f"other {number}")
        bench.run(["as_001"])
    assert bench.manifest("yolo").generation == 1
    assert kept(bench, "ledgers") < 4
    history = History.from_bytes(bench.objects.stored[history_key("proj1", "yolo")][0])
    assert len(history.past) < 4


def test_a_run_deletes_what_its_publication_made_old(bench: Workbench) -> None:
    for number in range(1, 16):
        assert publish(bench, number) == "committed"
    rules = RetentionRules()
    assert kept(bench, "archives") == kept(bench, "ledgers") == rules.generations + 1
    assert kept(bench, "deltas") == 15, "the whole chain"
    assert "labels/1.txt" in bench.files("yolo")


@pytest.mark.parametrize("step", ["delete", "list"])
def test_a_run_that_cannot_delete_has_published_all_the_same(bench: Workbench, step: str) -> None:
    for number in range(1, 15):
        publish(bench, number)

    def fail() -> None:
        raise Unavailable("S3 is down")

    # The first listing of a run reads what its map answered or what crashed runs left, if any.
    bench.clock.advance(DAY_AND_MORE)
    bench.kili.assets["as_002"] = labelled(2, "2.jpg", 0.7)
    plan = bench.plan(["as_002"], "incremental")
    request = bench.request(plan, "yolo", bench.convert_all(plan, ["as_002"]))
    bench.objects.interleaving.before(step, fail)
    before = kept(bench, "archives")
    assert bench.aggregate(request).status == "committed"
    assert kept(bench, "archives") == before + 1
    assert bench.manifest("yolo").generation == 16, "what expired is looked for"
    for number in range(30, 38):
        publish(bench, number)
    assert kept(bench, "archives") == RetentionRules().generations + 1


def test_the_rules_come_from_the_environment() -> None:
    given = {"RETAINED_GENERATIONS": "3", "RETENTION_HOURS": "2"}
    assert Settings.from_environment(given).retention == RetentionRules(3, timedelta(hours=2))
    assert Settings().retention == RetentionRules()
    with pytest.raises(InvalidConfiguration, match="RETENTION_HOURS"):
        Settings.from_environment({"RETENTION_HOURS": "0"})
