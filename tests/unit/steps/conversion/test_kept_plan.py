"""Batches of one run share the plan that the first of them read."""

from dataclasses import dataclass, field

from kili_export.core.bucket_layout import plan_key
from kili_export.core.export_options import ExportOptions
from kili_export.runs.messages import BatchInput, ConvertRequest, WorkItem
from kili_export.runs.plan import RunPlan
from kili_export.steps.conversion.convert_batch import ConvertAssets
from tests.support.kili_samples import asset, fetched, job, project
from tests.support.workbench import Workbench


@dataclass(slots=True)
class Batches:
    """A warm process that converts one batch after another."""

    bench: Workbench
    plans: dict[str, RunPlan] = field(default_factory=dict)

    def convert(self, plan: RunPlan) -> int:
        """Answers how often a plan was read for one batch."""
        key = plan_key(plan.project_id, plan.run_id)
        where = BatchInput(project_id=plan.project_id, run_id=plan.run_id, plan_key=key)
        before = len(self.bench.objects.requests)
        convert = ConvertAssets(
            self.bench.objects, self.bench.kili, self.bench.tokens, plans=self.plans
        )
        result = convert(ConvertRequest(batch=where, items=(WorkItem(asset_id="as_1"),)))
        assert result.asset_ids == ("as_1",)
        return self.bench.objects.requests[before:].count(("get", key))


def test_a_plan_is_read_once_in_a_process() -> None:
    bench = Workbench(project({"J": job(["CAT"])}), {"kili": ExportOptions(format="kili")})
    bench.kili.assets["as_1"] = fetched(asset(1, "a.jpg"))
    batches = Batches(bench)
    first, second = (bench.plan(["as_1"], "rebuild") for _ in range(2))
    assert [batches.convert(plan) for plan in (first, first, second, second)] == [1, 0, 1, 0]
    assert len(batches.plans) == 1
