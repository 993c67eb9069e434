"""Makes what remains of a planned run in one process: conversion, publishing, completion."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from kili_export.core.errors import IntegrityError, OutOfTime
from kili_export.runs.batch_results import write_batch_results
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchInput,
    BatchResult,
    ConvertRequest,
    FinishAnswer,
    FinishRequest,
    PlanAnswer,
    ResultsLocation,
    WorkItem,
)
from kili_export.storage.json_lines import iter_lines
from kili_export.storage.object_store import ObjectStore

Convert = Callable[[ConvertRequest], BatchResult]
Each = Callable[[Convert, Iterable[ConvertRequest]], Iterable[BatchResult]]


@dataclass(frozen=True, slots=True)
class WholeRun:
    """The steps that the workflow would call, one after another, over the same documents.

    `convert`, `publish` and `finish` are the use cases of the steps. Any number of batches; `each`
    applies `convert` to them, in their order, however many at once.
    """

    objects: ObjectStore
    convert: Convert
    publish: Callable[[AggregateRequest], AggregateAnswer]
    finish: Callable[[FinishRequest], FinishAnswer]
    each: Each = map

    def __call__(self, planned: PlanAnswer, execution_arn: str) -> FinishAnswer:
        """Makes the run of a plan answer with the status `run`. Raises what the steps raise."""
        results = self.converted(planned)
        return self.finished(planned, execution_arn, results, self.published(planned, results))

    def converted(self, planned: PlanAnswer) -> ResultsLocation | None:
        """Converts the work list batch by batch. Answers where the results are, None for no work.

        Raises the errors of `convert`: no batch is left out.
        """
        if planned.work is None or not planned.work.count or not planned.results_prefix:
            return None
        answered = self.each(self.convert, _batches(self.objects, planned))
        return write_batch_results(self.objects, planned.results_prefix, answered)

    def published(
        self, planned: PlanAnswer, results: ResultsLocation | None
    ) -> tuple[AggregateAnswer, ...]:
        """Publishes each export of the run.

        Raises the errors of `publish`, and OutOfTime where one invocation does not suffice. What
        was published before stays; the step knows it again.
        """
        return tuple(self._published(planned, one.name, results) for one in planned.exports)

    def finished(
        self,
        planned: PlanAnswer,
        execution_arn: str,
        results: ResultsLocation | None,
        answers: tuple[AggregateAnswer, ...],
    ) -> FinishAnswer:
        """Ends the run. Raises the errors of `finish`."""
        return self.finish(
            FinishRequest(
                project_id=planned.project_id,
                execution_arn=execution_arn,
                run_id=planned.run_id,
                plan_key=planned.plan_key,
                results=results,
                exports=answers,
            )
        )

    def _published(
        self, planned: PlanAnswer, export: str, results: ResultsLocation | None
    ) -> AggregateAnswer:
        answer = self.publish(
            AggregateRequest(
                project_id=planned.project_id,
                run_id=planned.run_id or "",
                plan_key=planned.plan_key or "",
                export=export,
                results=results,
            )
        )
        if answer.status == "continue":
            raise OutOfTime(f"export {export} cannot be published in the time that is left")
        return answer


def _batches(objects: ObjectStore, planned: PlanAnswer) -> Iterator[ConvertRequest]:
    work, run_id, plan_key = planned.work, planned.run_id, planned.plan_key
    lines = iter_lines(objects, work.key) if work else None
    if work is None or run_id is None or plan_key is None or lines is None:
        raise IntegrityError(f"the work list of a run of project {planned.project_id} is missing")
    batch = BatchInput(project_id=planned.project_id, run_id=run_id, plan_key=plan_key)
    items = map(WorkItem.from_bytes, lines)
    while some := tuple(islice(items, work.batch_size)):
        yield ConvertRequest(batch=batch, items=some)
