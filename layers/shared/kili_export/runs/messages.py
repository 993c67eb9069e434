"""What the states of the workflow hand to the functions, and what these answer.

Payloads carry keys of the bucket and ids, never labels: a state may hold 256 KiB.
"""

from typing import Literal

from pydantic import Field

from kili_export.core.document import Document, is_none, is_zero
from kili_export.costs.usage import NOTHING_MOVED, RunUsage, Transfer, Usage


class ResumeToken(Document):
    """What an invocation whose time was up hands to the one that goes on with its work.

    `spent` and `moved` are what all invocations until then used.
    """

    spent: Usage = Usage()
    moved: Transfer = NOTHING_MOVED
    uploads: str | None = None


class PlanRequest(Document):
    """Input of plan_export. `resume` is what an earlier `continue` answered.

    `whole`: a run that is small enough may be made whole at once.
    """

    project_id: str
    execution_arn: str
    resume: ResumeToken | None = None
    whole: bool = False


class WorkList(Document):
    """The assets to convert: an object of JSON lines, each a WorkItem."""

    key: str
    count: int
    batch_size: int
    max_concurrency: int


class ExportName(Document):
    """One export of the run."""

    name: str


class PlanAnswer(Document):
    """Output of plan_export.

    `busy`: another run holds the project. `idle`: nothing to do. Both end the execution quietly.
    `continue`: the time of the invocation is up; the next one goes on with the listing. `done`: the
    run was made whole, and `finished` is what came of it. `small`: one invocation has time for all
    that remains of the run.
    """

    status: Literal["run", "idle", "busy", "continue", "done"]
    project_id: str
    run_id: str | None = None
    plan_key: str | None = None
    work: WorkList | None = None
    exports: tuple[ExportName, ...] = ()
    results_prefix: str | None = None
    resume: ResumeToken | None = None
    small: bool = False
    finished: "FinishAnswer | None" = None


class KnownFiles(Document):
    """The media of an asset that an export's archive holds already (see core.media)."""

    digest: str
    paths: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    frames: int = 0


class WorkItem(Document):
    """One asset to convert. `marked`: it changed; otherwise only rebuilt exports need it.

    `label_ids` are labels that events announced: the asset is not settled before it has them.
    `known_media` tells by export which media need not be fetched again.
    """

    asset_id: str
    marked: bool = True
    label_ids: tuple[str, ...] = ()
    known_media: dict[str, KnownFiles] = Field(default_factory=dict)


class BatchInput(Document):
    """What all batches of a run share."""

    project_id: str
    run_id: str
    plan_key: str


class ConvertRequest(Document):
    """Input of convert_assets."""

    batch: BatchInput
    items: tuple[WorkItem, ...] = Field(min_length=1)


class FailedAsset(Document):
    """An asset that could not be converted. `error` is one sentence, free of contents."""

    asset_id: str
    error: str
    export: str | None = None


class ByteRange(Document):
    """A range of an object, in bytes."""

    start: int
    length: int


class MediaObject(Document):
    """An object of complete local entries, one after another, that hold media."""

    key: str
    etag: str
    size: int


class ExportSegment(Document):
    """One export's share of a batch object.

    `entries` are complete local entries of an archive, one after another; `records` holds one
    line for each of the `count` assets that were converted (see runs.segment_records). `media` are
    objects of their own.
    """

    entries: ByteRange
    records: ByteRange
    count: int
    media: tuple[MediaObject, ...] = ()


class BatchResult(Document):
    """Output of convert_assets, and of the workflow for an asset that broke its worker.

    `asset_ids` were converted. `missing` are assets that Kili confirmed not to have any more. An
    asset in `failed` without an `export` failed for all of them. `pending` are assets of which a
    label that was announced cannot be read yet: what is there was converted, their marks stay.
    `left_out` were converted, and some export holds nothing of them: they have no label for it, or
    its filters on the server do not let them through. `recent` are those with a label so new that
    Kili may still show its former content; most batches have none, and do not write that.
    """

    key: str | None = None
    etag: str | None = None
    size: int = 0
    exports: dict[str, ExportSegment] = Field(default_factory=dict)
    asset_ids: tuple[str, ...] = ()
    failed: tuple[FailedAsset, ...] = ()
    missing: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    recent: tuple[str, ...] = Field(default=(), exclude_if=is_zero)
    spent: Usage = Usage()


class ResultsLocation(Document):
    """The manifest that the workflow wrote about the map's results."""

    bucket: str
    key: str


class AggregateRequest(Document):
    """Input of aggregate_archive. `resume` is what an earlier `continue` answered."""

    project_id: str
    run_id: str
    plan_key: str
    export: str
    results: ResultsLocation | None = None
    resume: ResumeToken | None = None


class AggregateAnswer(Document):
    """Output of aggregate_archive, and of the workflow for an export that failed.

    `held`: more assets would go than may unasked; the rest was committed or, in a rebuild,
    nothing was. Of the `held_removals`, `held_failures` could not be exported and of
    `held_exits` nothing is exported any more. `rewritten`: the archive holds this generation,
    and did not before; otherwise deltas follow it. `released`: a gate let `latest.zip` out.
    `tree_error`: the class of the error that its tree is behind for.
    """

    export: str
    status: Literal["committed", "unchanged", "held", "continue", "failed"]
    generation: int | None = None
    archive_key: str | None = None
    delta_key: str | None = None
    rewritten: bool = False
    released: bool = Field(default=False, exclude_if=is_zero)
    members: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    quarantined: int = 0
    held_removals: int = 0
    held_failures: int = 0
    held_exits: int = 0
    size: int = 0
    requests: int = 0
    bytes_down: int = 0
    bytes_up: int = 0
    spent: Usage = Usage()
    resume: ResumeToken | None = None
    error: str | None = None
    cause: str | None = None
    tree_error: str | None = Field(default=None, exclude_if=is_none)


class WorkflowError(Document):
    """Why an execution fails, as the workflow's Catch reports it."""

    error: str
    cause: str = ""


class FinishRequest(Document):
    """Input of finish_export, after success or, with `error`, after a failure."""

    project_id: str
    execution_arn: str
    run_id: str | None = None
    plan_key: str | None = None
    results: ResultsLocation | None = None
    exports: tuple[AggregateAnswer, ...] = ()
    error: WorkflowError | None = None


class FinishAnswer(Document):
    """Output of finish_export and of the execution.

    `converted` and `failed_assets` count assets, `unanswered` those that changed and of which no
    batch answered: theirs failed, for the reason in `unanswered_cause`, and they are tried again.
    `freshness_seconds` runs
    from the first event that the run answers for to the publishing of its last export.
    """

    project_id: str
    run_id: str | None = None
    cleared: int = 0
    remaining: int = 0
    follow_up: str | None = None
    exports: tuple[AggregateAnswer, ...] = ()
    converted: int = 0
    failed_assets: int = 0
    unanswered: int = 0
    unanswered_cause: str | None = None
    freshness_seconds: float | None = None
    spending: RunUsage | None = None
