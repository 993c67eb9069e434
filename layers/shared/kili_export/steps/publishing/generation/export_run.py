"""What a run brings to one export, as an increment and a rebuild of it both need it."""

from collections.abc import Iterator
from dataclasses import dataclass

from kili_export.archives.manifest import Manifest
from kili_export.archives.removal_guard import removed_lately
from kili_export.formats.common.format import ExportContext, ExportFormat
from kili_export.runs.batch_results import iter_batch_results
from kili_export.runs.messages import BatchResult, ResultsLocation
from kili_export.runs.plan import ExportPlan, RunPlan, planned_format
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.steps.publishing.generation.write_generation import GenerationWriter
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class ExportRun:
    """One export in one run. `results` are what the run's own map answered, None without one.

    An archive of up to `whole` bytes is read with one request, by a store that keeps it.
    """

    objects: ObjectStore
    sharding: ShardRules
    writer: GenerationWriter
    results: ResultsLocation | None
    whole: int = 0

    @property
    def plan(self) -> RunPlan:
        """The run's plan."""
        return self.writer.plan

    @property
    def export(self) -> ExportPlan:
        """What the plan says of the export."""
        return self.writer.export

    @property
    def previous(self) -> Manifest | None:
        """What is published, None before the first time."""
        return self.writer.previous

    @property
    def format(self) -> ExportFormat:
        """The export's format. Raises ConflictError when another version planned it."""
        return planned_format(self.export)

    @property
    def context(self) -> ExportContext:
        """What the format needs of project, options and date."""
        options = self.export.options.to_options()
        return ExportContext(self.plan.project.to_project(), options, self.export.dated)

    def batches(self) -> Iterator[Iterator[BatchResult]]:
        """What the batches of each run answered that counts here, of the earliest run first."""
        for results in (*self.export.earlier_results, self.results):
            yield self.writer.tally.over(iter_batch_results(self.objects, results))

    def removed_lately(self) -> int:
        """How many assets left the export within the time that removals are held against."""
        past = self.previous.recent_removals if self.previous else ()
        return removed_lately(past, self.writer.clock.now())
