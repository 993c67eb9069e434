"""A project, its Kili and the whole protocol over in-memory fakes, moved step by step."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.manifest import Manifest
from kili_export.changes.comparison.kili_listing import (
    FROM_THE_BEGINNING,
    ListedAsset,
    ListedPage,
    ListingPosition,
)
from kili_export.changes.events.change_events import ChangeEvent
from kili_export.changes.events.debounce_window import DebounceWindow
from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.follow_events import FollowEvents
from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.changes.events.pending_changes import PendingChangeRecorder
from kili_export.changes.events.receive_event import Accepted, ReceiveEvent
from kili_export.changes.events.replay_events import RecordedEvent
from kili_export.changes.events.request_run import RequestRun
from kili_export.changes.events.run_starter import RunStarter
from kili_export.changes.events.secret_check import SecretCheck
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import manifest_key, registration_key
from kili_export.core.clock import InvocationTime, TimeLeft
from kili_export.core.errors import AccessDenied, AssetError, ExportError
from kili_export.core.file_dates import LabelDates
from kili_export.core.project import Project
from kili_export.maintenance.reconciliation.messages import ReconcileAnswer, ReconcileRequest
from kili_export.maintenance.reconciliation.project_status import StatusReader
from kili_export.maintenance.reconciliation.reconcile import Reconcile
from kili_export.maintenance.reconciliation.repair_project import RepairProject
from kili_export.maintenance.reconciliation.retry_assets import RetryAssets
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.deliver_tree import DeliverTree
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.pseudonym_key import provide_key
from kili_export.registration.stored_registrations import RememberedRegistrations, load_registration
from kili_export.runs.announcements import Announcer
from kili_export.runs.batch_results import write_batch_results
from kili_export.runs.lease import ProjectLease
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchInput,
    BatchResult,
    ConvertRequest,
    FinishAnswer,
    FinishRequest,
    PlanAnswer,
    PlanRequest,
    ResultsLocation,
    WorkflowError,
    WorkItem,
)
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.completion.confirm_removals import ConfirmRemovals
from kili_export.steps.completion.finish_run import FinishExport
from kili_export.steps.conversion.asset_source import FetchedMedium, FetchNeeds, FetchResult
from kili_export.steps.conversion.convert_batch import ConvertAssets
from kili_export.steps.planning.plan_run import PlanExport
from kili_export.steps.planning.run_draft import RunLimits
from kili_export.steps.publishing.publish_export import PublishExport
from kili_export.steps.short_run import ShortRun, held_for_run
from kili_export.steps.whole_run import WholeRun
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.recent_objects import RecentObjects
from tests.support.fakes import (
    CountingTokens,
    InMemoryChanges,
    InMemoryObjects,
    InMemoryProjectState,
    Interleaving,
    ListedSecrets,
    ManualClock,
    RecordingPublisher,
    RecordingWorkflow,
)
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project

PROJECT = "project1"
SECRET = "s3cret"
BUCKET = "bucket"


@dataclass(slots=True)
class ScriptedKili:
    """Kili with one project. What it shows changes only when told."""

    interface: dict[str, Any] = field(default_factory=lambda: {"CARS": job(["BIG", "SMALL"])})
    title: str = "Sample"
    visible: bool = True
    assets: dict[str, FetchedAsset] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    """Assets whose labels' storage does not answer."""
    filtered: set[str] = field(default_factory=set)
    """What any server-side filter lets through."""
    unlisted: set[str] = field(default_factory=set)
    """What Kili has and its listings miss, as while pages shift."""
    past: list[RecordedEvent] = field(default_factory=list)
    past_calls: int = 0
    listings: list[Mapping[str, Any] | None] = field(default_factory=list)
    pages_from: list[int] = field(default_factory=list)
    """Where each listing in pages was begun or gone on with."""
    fetches: list[tuple[str, ...]] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    """Addresses of the media that were fetched."""
    interleaving: Interleaving = field(default_factory=Interleaving)

    def unlabel(self, asset_id: str) -> None:
        """Somebody deletes all labels of an asset, which stays."""
        number = int(asset_id.rpartition("_")[2])
        found = fetched(asset(number, f"{asset_id}.jpg"))
        self.assets[asset_id] = replace(
            found,
            asset_id=asset_id,
            order_key=asset_id,
            fields={**found.fields, "id": asset_id},
            label_ids=frozenset(),
            fingerprint=f"{asset_id}: no label",
        )

    def label(
        self, asset_id: str, label_id: str, left: float = 0.1, at: datetime | None = None
    ) -> None:
        """Somebody labels an asset, at a time that Kili names if it is given. It is readable."""
        before = self.assets.get(asset_id)
        number = int(asset_id.rpartition("_")[2])
        made = label(answers(CARS=[box("BIG", left, 0.1, 0.9, 0.8, mid="m")]))
        found = fetched(asset(number, f"{asset_id}.jpg", made))
        self.assets[asset_id] = replace(
            found,
            asset_id=asset_id,
            order_key=asset_id,
            fields={**found.fields, "id": asset_id},
            label_ids=(before.label_ids if before else frozenset()) | {label_id},
            fingerprint=f"{label_id}:{left}",
            label_dates=(LabelDates(label_id, "DEFAULT", at.isoformat()),) if at else (),
        )

    def project(self, project_id: str) -> Project:
        self.interleaving.reach("project")
        if not self.visible:
            raise AccessDenied("not found or not visible with this key")
        return replace(project(self.interface, title=self.title), project_id=project_id)

    def count_assets(self, project_id: str, filters: Mapping[str, Any] | None = None) -> int:
        del project_id, filters
        return len(self.assets)

    def list_asset_ids(
        self, project_id: str, filters: Mapping[str, Any] | None = None
    ) -> Iterator[ListedAsset]:
        del project_id
        self.interleaving.reach("list")
        self.listings.append(filters)
        for one in sorted(self.assets.values(), key=lambda found: found.order_key):
            if not self.visible or (filters and one.asset_id not in self.filtered):
                continue
            if one.asset_id in self.unlisted:
                continue
            yield ListedAsset(one.asset_id, one.external_id, one.order_key, one.fingerprint)

    def list_pages(
        self, project_id: str, position: ListingPosition = FROM_THE_BEGINNING
    ) -> Iterator[ListedPage]:
        """Three assets at a time. Who resumes goes on after the last one that it was given."""
        self.pages_from.append(position.offset)
        last = position.recent[-1] if position.recent else ""
        left = [one for one in self.list_asset_ids(project_id) if one.order_key > last]
        seen, recent = position.seen, position.recent
        for first in range(0, max(1, len(left)), 3):
            some = tuple(left[first : first + 3])
            self.interleaving.reach("page")
            seen += len(some)
            recent = tuple(one.order_key for one in some) or recent
            is_last = first + 3 >= len(left)
            yield ListedPage(some, ListingPosition(seen, seen, recent), is_last)

    def fetch_assets(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> FetchResult:
        del project_id, needs
        self.interleaving.reach("fetch")
        self.fetches.append(tuple(asset_ids))
        present = [key for key in asset_ids if key in self.assets]
        unreadable = self.broken | self.silent
        silent = frozenset(present) & self.silent
        return FetchResult(
            assets=tuple(self.assets[key] for key in present if key not in unreadable),
            missing=tuple(key for key in asset_ids if key not in self.assets),
            failed={
                key: AssetError("its label cannot be read", asset_id=key)
                for key in present
                if key in unreadable
            },
            unreachable=silent if silent == frozenset(present) else frozenset(),
        )

    def fetch_media(self, url: str, target: IO[bytes], *, largest: int) -> FetchedMedium:
        del largest
        self.media.append(url)
        data = url.encode()
        target.write(data)
        digest = hashlib.sha256(data).hexdigest()
        return FetchedMedium(len(data), zlib.crc32(data), digest, "image/jpeg")

    def matching_ids(
        self, project_id: str, asset_ids: Sequence[str], filters: Mapping[str, Any]
    ) -> frozenset[str]:
        del project_id, filters
        return frozenset(asset_ids) & self.filtered

    def events_since(
        self,
        project_id: str,
        *,
        created_at_gte: str | None = None,
        from_event_id: str | None = None,
    ) -> Iterator[RecordedEvent]:
        del project_id, from_event_id
        self.past_calls += 1
        yield from (one for one in self.past if one.created_at >= (created_at_gte or ""))

    def tell_past(
        self,
        event_id: str,
        at: datetime,
        name: str,
        asset_id: str | None,
        label_id: str | None = None,
    ) -> None:
        """Adds an event to the list of past events, and to nothing else."""
        event = ChangeEvent(name, PROJECT, asset_id=asset_id, label_id=label_id)
        self.past.append(RecordedEvent(event_id, at.isoformat(), event))

    def install_webhook(self, project_id: str, url: str, header: str, name: str) -> None:
        raise NotImplementedError

    def remove_webhook(self, project_id: str, name: str) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class World:
    """Everything, wired as bootstrap wires it."""

    exports: dict[str, str | dict[str, Any]] = field(
        default_factory=lambda: {"raw": "kili", "yolo": "yolo_v8"}
    )
    assets: int = 4
    kili: ScriptedKili = field(default_factory=ScriptedKili)
    objects: InMemoryObjects = field(default_factory=InMemoryObjects)
    changes: InMemoryChanges = field(default_factory=InMemoryChanges)
    state: InMemoryProjectState = field(default_factory=InMemoryProjectState)
    workflow: RecordingWorkflow = field(default_factory=RecordingWorkflow)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    clock: ManualClock = field(default_factory=ManualClock)
    tokens: CountingTokens = field(default_factory=CountingTokens)
    secrets: ListedSecrets = field(default_factory=lambda: ListedSecrets((SECRET,)))
    rules: DebounceWindow = field(default_factory=lambda: DebounceWindow(60, 10))
    marks_per_run: int = 1000
    slice_assets: int = 1000
    rewriting: CompactionPolicy = field(default_factory=CompactionPolicy)
    executed: set[str] = field(default_factory=set)
    receive: ReceiveEvent = field(init=False)
    plan: PlanExport = field(init=False)
    plan_export: PlanExport = field(init=False)
    finish: FinishExport = field(init=False)
    finish_export: FinishExport = field(init=False)
    reconcile: Reconcile = field(init=False)
    follow_events: FollowEvents = field(init=False)
    time_left: TimeLeft | None = None
    """Of every invocation that plans."""
    short: bool = False
    """Whether the first step of every run may make it whole."""
    tree_files_at_once: int = 512
    continued: int = 0
    """How many of them ended before their listing did."""
    request_run: RequestRun = field(init=False)
    confirm_removals: ConfirmRemovals = field(init=False)
    retry_assets: RetryAssets = field(init=False)
    marks: PendingChangeRecorder = field(init=False)
    lease: ProjectLease = field(init=False)
    recent: RecentObjects = field(init=False)
    """What the process that makes small runs remembers."""

    def __post_init__(self) -> None:
        self.register(**self.exports)
        for number in range(self.assets):
            self.kili.label(f"as_{number:03d}", f"first_{number}")
        self.marks = PendingChangeRecorder(self.changes, self.clock, self.tokens)
        self.lease = ProjectLease(self.state, self.workflow, self.clock, believed=60)
        self.recent = RecentObjects(self.clock)
        self._wire(RunStarter(self.workflow, self.state, self.clock, self.rules, self.lease))

    def _wire(self, starter: RunStarter) -> None:
        follow_up = FollowUpRuns(self.changes, starter)
        registrations = RememberedRegistrations(self.objects, self.clock)
        check = SecretCheck(self.secrets, self.clock)
        self.receive = ReceiveEvent(check, registrations, self.marks, starter)
        announcer = Announcer(self.objects, self.publisher, BUCKET)
        self.plan = self.plan_export = PlanExport(
            objects=self.objects,
            changes=self.changes,
            removals=self.state,
            kili=self.kili,
            publisher=self.publisher,
            announcer=announcer,
            clock=self.clock,
            random=self.tokens,
            lease=self.lease,
            follow_up=follow_up,
            limits=RunLimits(3, 8, self.marks_per_run, self.slice_assets),
        )
        self.finish = self.finish_export = FinishExport(
            objects=self.objects,
            changes=self.changes,
            removals=self.state,
            clock=self.clock,
            lease=self.lease,
            follow_up=follow_up,
            announcer=announcer,
            second_looks=DelayedRechecks(self.objects, self.clock),
        )
        repair = RepairProject(
            self.objects,
            self.changes,
            self.state,
            self.state,
            self.kili,
            self.marks,
            self.rewriting,
        )
        self.reconcile = Reconcile(
            self.objects,
            self.changes,
            self.state,
            self.clock,
            self.lease,
            follow_up,
            self.marks,
            DelayedRechecks(self.objects, self.clock),
            repair,
            self._follow,
        )
        self.follow_events = FollowEvents(
            self.kili,
            self.state,
            self.changes,
            self.marks,
            DelayedRechecks(self.objects, self.clock),
            starter,
        )
        self.request_run = RequestRun(self.objects, self.marks, self.tokens, starter)
        self.retry_assets = RetryAssets(self.objects, self.request_run)
        self.confirm_removals = ConfirmRemovals(self.state, self.request_run)

    def _follow(self, project_id: str) -> int:
        registration = load_registration(self.objects, project_id)
        assert registration is not None
        return self.follow_events(registration)

    # ------------------------------------------------------------------ what people do

    def restart(self) -> None:
        """Another process, which remembers nothing."""
        self.recent = RecentObjects(self.clock)
        self._wire(RunStarter(self.workflow, self.state, self.clock, self.rules, self.lease))

    def register(self, **exports: str | dict[str, Any]) -> ProjectRegistration:
        """Declares exports, by name: a format or all options."""
        declared = [
            {"name": name, **({"format": given} if isinstance(given, str) else given)}
            for name, given in exports.items()
        ]
        registration = parse_registration({"project_id": PROJECT, "exports": declared})
        provide_key(self.objects, self.tokens, PROJECT, registration.exports)
        self.objects.put(registration_key(PROJECT), registration.to_bytes())
        return registration

    def post(
        self,
        asset_id: str | None,
        label_id: str | None = None,
        event: str = "label.workflow.edited",
        authorization: str | None = SECRET,
    ) -> Accepted:
        """Kili calls the webhook."""
        payload = {"assetId": asset_id, "labelId": label_id, "externalId": None}
        body = {
            "event": event,
            "projectId": PROJECT,
            "payload": {name: value for name, value in payload.items() if value is not None},
        }
        return self.receive(json.dumps(body).encode(), authorization)

    def submit(self, asset_id: str, label_id: str, left: float = 0.1) -> Accepted:
        """A label is made, readable at once, and Kili tells of it."""
        self.kili.label(asset_id, label_id, left)
        return self.post(asset_id, label_id)

    def replace(self, asset_id: str, label_id: str, left: float = 0.1) -> Accepted:
        """An asset changes, and what tells of it names no label: nobody looks at it again."""
        self.kili.label(asset_id, label_id, left)
        return self.post(asset_id, event="asset.updated")

    def status(self) -> StatusReader:
        """What `status` reads."""
        return StatusReader(
            self.objects, self.changes, self.state, self.state, self.workflow, self.clock
        )

    def look_after(self, *, compare: bool = True, follow: bool = False) -> ReconcileAnswer:
        """The schedule fires."""
        return self.reconcile(ReconcileRequest(compare=compare, follow=follow))

    # ------------------------------------------------------------------ what the workflow does

    def publish_everything(self) -> None:
        """The first full export of the project, and nothing is left to be done."""
        self.request_run(PROJECT)
        self.run_pending()
        assert not self.changes.held, "the first export left marks"

    def pending(self) -> list[str]:
        """Executions that were started and have not run yet, in the order of their time."""
        waiting = [name for name in self.workflow.started if name not in self.executed]
        return sorted(waiting, key=lambda name: self.workflow.started[name]["not_before"])

    def run_pending(self, most: int = 20) -> None:
        """Runs executions, and those that they start, until none waits."""
        for _ in range(most):
            waiting = self.pending()
            if not waiting:
                return
            self.run(waiting[0])
        raise AssertionError(f"executions start each other without end: {self.pending()}")

    def run(self, name: str) -> FinishAnswer | PlanAnswer:
        """One execution, from its beginning to its end."""
        planned = self.run_short(name) if self.short else self.begin(name)
        if planned.status != "run":
            return planned.finished or planned
        return self.end(name, planned)

    def begin(self, name: str) -> PlanAnswer:
        """An execution waits for its window and plans."""
        request = self._enter(name)
        try:
            planned = self.plan(request, self.time_left)
            while planned.status == "continue":
                self.continued += 1
                assert self.continued < 100, "the listing does not come to its end"
                request = request.model_copy(update={"resume": planned.resume})
                planned = self.plan(request, self.time_left)
        except ExportError as error:
            self.fail(name, error=type(error).__name__, cause=str(error))
            raise
        if planned.status != "run":
            self.workflow.running.discard(arn(name))
        return planned

    def run_short(self, name: str) -> PlanAnswer:
        """An execution whose first step may make the whole run; it ends where that did."""
        request = self._enter(name).model_copy(update={"whole": True})
        answer = self.make_short(request)
        if answer.status != "run":
            self.workflow.running.discard(arn(name))
        return answer

    def make_short(self, request: PlanRequest) -> PlanAnswer:
        """One invocation of the function that plans, which goes on where the run is small."""
        held = held_for_run(self.objects, PROJECT, self.recent)
        rest = WholeRun(
            held,
            lambda given: self.convert_batch(given, held),
            lambda given: self.publish(given, held),
            replace(
                self.finish_export,
                objects=held,
                announcer=replace(self.finish_export.announcer, objects=held),
            ),
        )
        time_left = self.time_left or InvocationTime(lambda: 890_000)
        return ShortRun(held, replace(self.plan_export, objects=held), rest, time_left)(request)

    def end(self, name: str, planned: PlanAnswer) -> FinishAnswer:
        """A planned execution converts, aggregates and finishes."""
        results = self.convert(planned)
        return self.finish_run(name, planned, results, self.aggregate(planned, results))

    def convert(self, planned: PlanAnswer, lose: Sequence[int] = ()) -> ResultsLocation:
        """The map over batches. Batches at the positions in `lose` fail."""
        assert planned.work is not None
        listed = self.objects.stored[planned.work.key][0].splitlines()
        items = [WorkItem.model_validate_json(line) for line in listed]
        assert len(items) == planned.work.count
        size = planned.work.batch_size
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        outputs = [
            self._convert(planned, batch)
            for position, batch in enumerate(batches)
            if position not in lose
        ]
        return self._write_results(planned, outputs)

    def aggregate(
        self, planned: PlanAnswer, results: ResultsLocation | None, broken: Sequence[str] = ()
    ) -> list[AggregateAnswer]:
        """The map over exports. Those in `broken` fail."""
        return [self._aggregate(planned, one.name, results, broken) for one in planned.exports]

    def finish_run(
        self,
        name: str,
        planned: PlanAnswer,
        results: ResultsLocation | None,
        exports: Sequence[AggregateAnswer],
    ) -> FinishAnswer:
        """The last step of a run that came to its end."""
        answer = self.finish(
            FinishRequest(
                project_id=PROJECT,
                execution_arn=arn(name),
                run_id=planned.run_id,
                plan_key=planned.plan_key,
                results=results,
                exports=tuple(exports),
            )
        )
        self.workflow.running.discard(arn(name))
        return answer

    def fail(
        self,
        name: str,
        planned: PlanAnswer | None = None,
        error: str = "Unavailable",
        cause: str = "it was said so",
    ) -> FinishAnswer:
        """The last step of a run that did not."""
        answer = self.finish(
            FinishRequest(
                project_id=PROJECT,
                execution_arn=arn(name),
                run_id=planned.run_id if planned else None,
                plan_key=planned.plan_key if planned else None,
                error=WorkflowError(error=error, cause=cause),
            )
        )
        self.workflow.running.discard(arn(name))
        return answer

    # ------------------------------------------------------------------ what is seen

    def manifest(self, export: str) -> Manifest:
        """What is current in an export."""
        return Manifest.from_bytes(self.objects.stored[manifest_key(PROJECT, export)][0])

    def files(self, export: str) -> dict[str, bytes]:
        """The files of the current archive, by name."""
        data = self.objects.stored[self.manifest(export).archive.key][0]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    def generations(self) -> dict[str, int]:
        """The generation of every export that was published."""
        published = [
            key
            for key in self.objects.stored
            if key.endswith("manifest.json") and "exports/" in key
        ]
        return {key.split("/")[2]: self.manifest(key.split("/")[2]).generation for key in published}

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        """What consumers were told of one kind."""
        return [detail for sent, detail in self.publisher.sent if sent == kind]

    # ------------------------------------------------------------------ details

    def convert_batch(
        self, request: ConvertRequest, objects: ObjectStore | None = None
    ) -> BatchResult:
        """One child of the map over batches."""
        convert = ConvertAssets(objects or self.objects, self.kili, self.tokens, clock=self.clock)
        return convert(request)

    def publish(
        self, request: AggregateRequest, objects: ObjectStore | None = None
    ) -> AggregateAnswer:
        """One child of the map over exports."""
        aggregate = PublishExport(
            objects=objects or self.objects,
            clock=self.clock,
            random=self.tokens,
            traffic=self.objects,
            limits=PartLimits(),
            latest_max_bytes=1 << 30,
            retention=ApplyRetention(self.objects, self.clock, RetentionRules(), objects),
            rewriting=self.rewriting,
            trees=DeliverTree(
                objects or self.objects,
                self.clock,
                self.tokens,
                workers=1,
                most=None if objects is None else 1,
                at_once=self.tree_files_at_once,
            ),
            is_first=objects is not None,
        )
        return aggregate(request)

    def _enter(self, name: str) -> PlanRequest:
        """An execution begins, and waits for its window."""
        self.executed.add(name)
        begins = datetime.fromisoformat(self.workflow.started[name]["not_before"])
        self.clock.time = max(self.clock.time, begins)
        self.workflow.running.add(arn(name))
        return PlanRequest(project_id=PROJECT, execution_arn=arn(name))

    def _convert(self, planned: PlanAnswer, batch: Sequence[WorkItem]) -> BatchResult:
        assert planned.run_id
        assert planned.plan_key
        request = ConvertRequest(
            batch=BatchInput(project_id=PROJECT, run_id=planned.run_id, plan_key=planned.plan_key),
            items=tuple(batch),
        )
        return self.convert_batch(request)

    def _write_results(
        self, planned: PlanAnswer, outputs: Sequence[BatchResult]
    ) -> ResultsLocation:
        assert planned.results_prefix
        return write_batch_results(self.objects, planned.results_prefix, outputs, BUCKET)

    def _aggregate(
        self,
        planned: PlanAnswer,
        export: str,
        results: ResultsLocation | None,
        broken: Sequence[str],
    ) -> AggregateAnswer:
        assert planned.run_id
        assert planned.plan_key
        if export in broken:
            return AggregateAnswer(
                export=export, status="failed", error="Broken", cause="on purpose"
            )
        request = AggregateRequest(
            project_id=PROJECT,
            run_id=planned.run_id,
            plan_key=planned.plan_key,
            export=export,
            results=results,
        )
        try:
            return self.publish(request)
        except ExportError as error:
            return AggregateAnswer(
                export=export, status="failed", error=type(error).__name__, cause=str(error)
            )


def arn(name: str) -> str:
    """The ARN of an execution."""
    return f"arn:{name}"
