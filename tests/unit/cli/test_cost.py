"""What `cost` reads: prices of one's own, runs, and what they write again."""

from datetime import timedelta
from pathlib import Path

import pytest

from kili_export.archives.compaction import CompactionCost
from kili_export.cli.commands.cost import _prices, _sorted, _written
from kili_export.core.errors import InvalidConfiguration
from kili_export.costs.estimate import RUN_STATE
from kili_export.costs.prices import LIST_PRICES, Unit
from kili_export.costs.usage import RunUsage, Usage
from kili_export.runs.messages import AggregateAnswer, FinishAnswer
from tests.support.sample_manifest import manifest_of

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def finished(converted: int, rebuilt: int, changed: int = 0) -> FinishAnswer:
    spending = RunUsage(convert=Usage(invocations=1), exports=2, rebuilt=rebuilt)
    exports = (AggregateAnswer(export="coco", status="committed", changed=changed),)
    return FinishAnswer(project_id="p", converted=converted, exports=exports, spending=spending)


def test_runs_are_full_exports_or_took_up_changes_or_looked_again_in_vain() -> None:
    nothing = FinishAnswer(project_id="p", converted=3)
    answers = [finished(3, 0, 1), finished(2, 0), finished(500, 1), finished(0, 0), nothing]
    runs = _sorted(answers)
    assert [run.assets for run in runs.changes] == [3]
    assert [run.assets for run in runs.looks] == [2]
    assert [run.assets for run in runs.full] == [500]
    assert runs.changes[0].plan.requests == RUN_STATE


def test_a_large_archive_is_written_again_as_often_as_its_budget_allows() -> None:
    manifest = manifest_of()
    small = manifest.archive.model_copy(update={"size": 1_000_000})
    large = manifest.archive.model_copy(update={"size": 10**12})
    rule = CompactionCost(kept=DAY)
    ledger = manifest.ledger.size
    assert _written(manifest.model_copy(update={"archive": small}), rule, MINUTE) == (
        1_000_000 + ledger
    )
    seldom = _written(manifest.model_copy(update={"archive": large}), rule, MINUTE) - ledger
    assert seldom == pytest.approx(10**12 * (MINUTE / rule.interval(10**12)), rel=1e-6)
    assert seldom < 10**9


def test_own_prices_stand_in_for_listed_ones(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("transition: 0.5\n")
    assert _prices(str(file)).each[Unit.TRANSITION] == 0.5
    assert _prices(None) is LIST_PRICES


@pytest.mark.parametrize("text", ["gold: 1", "transition: much", "- 1", "transition: -1", ""])
def test_a_file_without_prices_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(InvalidConfiguration, match="must hold dollars"):
        _prices(str(file))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        _prices(str(tmp_path / "none.yaml"))
