"""What `status` prints: within 80 columns, with zones, and every reason."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kili_export.archives.manifest import LatestHold, Quarantined, ReviewCount
from kili_export.cli.commands.status import _described, _lines, _show
from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.cli.output import Output
from kili_export.maintenance.reconciliation.project_status import (
    ExportStatus,
    PendingMarks,
    ProjectStatus,
)
from tests.support.sample_manifest import manifest_of

AT = datetime(2026, 11, 30, 22, 8, 55, tzinfo=UTC)


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone of its own, and a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "IST-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def project(*errors: str) -> ProjectStatus:
    quarantined = tuple(
        Quarantined(asset_id=f"asset-{number}", error=error, since=AT, run_id="r")
        for number, error in enumerate(errors)
    )
    manifest = manifest_of(published_at=AT, quarantined=quarantined)
    exports = (
        ExportStatus("training-set", "yolo_v8", manifest),
        ExportStatus("coco", "coco", None),
    )
    return ProjectStatus(
        "cmk0veoae00073bpfufkr7ti3", exports, PendingMarks(3, 3, 0, AT), None, None
    )


def test_it_fits_eighty_columns_and_says_the_zone(capsys: pytest.CaptureFixture[str]) -> None:
    run = ExecutionSummary("p-1", "arn", "SUCCEEDED", AT, AT, states=("FinishExport",))
    _show(Output(as_json=False), [(project(), [run])], assets=False)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "\n" in printed
    assert printed.count("2026-12-01 03:38:55 IST") == 3, printed
    assert "not yet" in printed


def test_reasons_are_counted_and_assets_named_when_they_are_asked_for() -> None:
    errors = ["broken picture"] * 3 + ["no answer"] + [f"reason {number}" for number in range(6)]
    summary = [line for line in _lines(project(*errors)) if line.startswith("Not in")]
    assert summary[:2] == [
        "Not in training-set: 3 assets: broken picture",
        "Not in training-set: 1 asset: no answer",
    ]
    assert summary[-1] == "Not in training-set: 3 more assets, for other reasons."
    named = [line for line in _lines(project(*errors), assets=True) if line.startswith("Not in")]
    assert named[3] == "Not in training-set: asset-3: no answer"
    assert len(named) == len(errors)
    hint = "Name them with: kili-export status cmk0veoae00073bpfufkr7ti3 --assets"
    assert hint in _lines(project(*errors))
    assert hint not in _lines(project(*errors), assets=True)


def test_json_is_a_summary_that_names_assets_when_they_are_asked_for() -> None:
    errors = ["broken picture"] * 300 + [f"reason {number}" for number in range(6)]
    [export, _] = _described(project(*errors), [], assets=False)["exports"]
    assert "quarantined_assets" not in export
    assert export["quarantined"] == len(errors)
    assert export["quarantine_reasons"][0] == {"error": "broken picture", "assets": 300}
    assert len(export["quarantine_reasons"]) == 5
    [export, _] = _described(project(*errors), [], assets=True)["exports"]
    named = [one["asset_id"] for one in export["quarantined_assets"]]
    assert named == [f"asset-{number}" for number in range(len(errors))]


def test_batches_of_runs_name_their_assets_when_these_are_asked_for() -> None:
    batches = [{"index": 0, "input": {"Items": [{"asset_id": "asset-1"}]}}]
    map_run = {"state": "ConvertAssets", "items": 1, "results": batches}
    run = ExecutionSummary("p-1", "arn", "SUCCEEDED", AT, AT, map_runs=(map_run,))
    [summary] = _described(project(), [run], assets=False)["executions"]
    assert summary["map_runs"] == [{"state": "ConvertAssets", "items": 1}]
    [whole] = _described(project(), [run], assets=True)["executions"]
    assert whole["map_runs"] == [map_run]


STAYS = (
    "latest.zip of yolo stays at 4, since 2026-12-01 03:38:55 IST: the classes changed, and 3 of 9"
    " assets are reviewed. Let it out: kili-export release project yolo"
)
RELEASED = (
    "latest.zip of yolo is not there yet, since 2026-12-01 03:38:55 IST. It is released; the next"
    " run lets it out."
)


@pytest.mark.parametrize(
    ("generation", "released", "said"), [(4, False, STAYS), (None, True, RELEASED)]
)
def test_what_is_held_back_is_said_with_the_reason_and_the_way_out(
    generation: int | None, released: bool, said: str
) -> None:
    hold = LatestHold(
        generation=generation,
        held=("classes_change", "reviewed_below"),
        since=AT,
        run_id="r",
        released=released,
    )
    review = ReviewCount(assets=9, reviewed=3)
    for latest, count in ((hold, 1), (hold.model_copy(update={"held": ()}), 0)):
        manifest = manifest_of(published_at=AT, latest=latest, review=review)
        exports = (ExportStatus("yolo", "yolo_v8", manifest),)
        status = ProjectStatus("project", exports, PendingMarks(), None, None)
        assert _lines(status).count(said) == count
        assert ("Let it out" in "".join(_lines(status))) is (count == 1 and not released)
