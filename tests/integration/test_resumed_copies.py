"""Copies that take longer than an invocation may, on a real S3 server."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.core.clock import InvocationTime, TimeLeft
from kili_export.core.errors import ConflictError, OutOfTime, Unavailable
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.runs.messages import AggregateRequest
from kili_export.splicing.part_limits import MIB, PartLimits
from kili_export.splicing.upload_parts import CopyPart, Source, parts_digest
from kili_export.steps.publishing.publish_export import PublishExport
from kili_export.storage.resumable_uploads import ResumableUploads
from tests.integration.test_archive_on_s3 import open_uploads
from tests.support.fakes import CountingTokens
from tests.support.kili_samples import job, project
from tests.support.seaweed import BUCKET
from tests.support.workbench import Workbench
from tests.unit.local.workflow.doubles import Bench
from tests.unit.local.workflow.test_export_workflow import planned, run
from tests.unit.steps.publishing.test_media import OPTIONS, put

PARTS = 12
SIZE = PARTS * 5 * MIB


@dataclass
class Enough:
    """Time that is up after so many parts."""

    parts: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_up(self) -> bool:
        with self.lock:
            self.parts -= 1
            return self.parts < 0


class Client:
    """An S3 client that does something before some of its operations."""

    def __init__(self, client: Any, **before: Callable[[], None]) -> None:
        self._client, self._before = client, before

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in self._before:
            return operation

        def call(**arguments: Any) -> Any:
            self._before[name]()
            return operation(**arguments)

        return call


@pytest.fixture(scope="module")
def source(s3_client: Any) -> Source:
    """Something to copy, and never the same twice in a row."""
    data = random.Random(5).randbytes(SIZE)
    stored = S3ObjectStore(s3_client, BUCKET).put("shared/long.zip", data)
    return Source(stored.key, stored.etag, stored.size)


@dataclass
class Copying:
    """One object that is written by several invocations of one run."""

    client: Any
    prefix: str
    source: Source
    run_id: str = "run"

    @property
    def key(self) -> str:
        return f"{self.prefix}copy.zip"

    def __call__(
        self, time_left: TimeLeft | None, *, client: Any = None, shift: int = 0
    ) -> ResumableUploads:
        """One invocation, as a process of its own would do it."""
        store = S3ObjectStore(client or self.client, BUCKET)
        uploads = self.uploads(time_left)
        # The journal's own folder is the prefix.
        length = 5 * MIB
        parts = [
            CopyPart(self.source, (number + shift) % PARTS * length, length)
            for number in range(PARTS)
        ]
        store.compose(
            self.key, parts, if_none_match=True, plan=parts_digest(parts), uploads=uploads
        )
        return uploads

    def uploads(self, time_left: TimeLeft | None = None) -> ResumableUploads:
        store = S3ObjectStore(self.client, BUCKET)
        return ResumableUploads(
            store,
            time_left,
            project_id=self.prefix.strip("/"),
            export="yolo",
            run_id=self.run_id,
            random=CountingTokens(),
        )

    def contents(self) -> bytes:
        found = S3ObjectStore(self.client, BUCKET).get(self.key)
        assert found is not None, "nothing was written"
        return found[0]


@pytest.fixture
def copying(s3_client: Any, key_prefix: str, source: Source) -> Copying:
    return Copying(s3_client, key_prefix, source)


@pytest.fixture
def traffic(s3_client: Any) -> Callable[[str], int]:
    """How often an operation was asked for since the test began."""
    counter = S3Traffic(s3_client)
    return lambda operation: counter.snapshot().requests.get(operation, 0)


def original(source: Source, client: Any) -> bytes:
    found = S3ObjectStore(client, BUCKET).get(source.key)
    assert found is not None
    return found[0]


def test_the_next_invocation_goes_on_where_time_was_up(
    s3_client: Any, copying: Copying, source: Source, traffic: Callable[[str], int]
) -> None:
    for _ in range(2):
        with pytest.raises(OutOfTime):
            copying(Enough(5))
    assert open_uploads(s3_client, copying.prefix) == [copying.key]
    copying(Enough(5))
    assert traffic("UploadPartCopy") == PARTS, "a part was copied twice"
    assert traffic("CreateMultipartUpload") == 1
    assert copying.contents() == original(source, s3_client)
    assert open_uploads(s3_client, copying.prefix) == []
    assert copying.uploads().begun(copying.key) is None


def test_a_crash_leaves_the_upload_to_the_next_invocation(
    s3_client: Any, copying: Copying, source: Source, traffic: Callable[[str], int]
) -> None:
    left = Enough(4)

    def die() -> None:
        if left.is_up():
            raise KeyboardInterrupt

    def never() -> None:
        raise EndpointConnectionError(endpoint_url="http://nowhere")

    killed = Client(s3_client, upload_part_copy=die, abort_multipart_upload=never)
    with pytest.raises(KeyboardInterrupt):
        copying(None, client=killed)
    copying(None)
    assert traffic("CreateMultipartUpload") == 1
    assert copying.contents() == original(source, s3_client)
    assert open_uploads(s3_client, copying.prefix) == []


def test_who_completed_it_and_could_not_tell_any_more_is_believed(
    copying: Copying, traffic: Callable[[str], int]
) -> None:
    with pytest.raises(OutOfTime):
        copying(Enough(1))
    upload = copying.uploads().begun(copying.key)
    assert upload is not None
    copying(None)
    # As if the process had died right after the last request.
    copying.uploads().record(copying.key, upload)
    copying(None)
    assert traffic("CreateMultipartUpload") == 1
    assert traffic("UploadPartCopy") == PARTS
    assert copying.uploads().begun(copying.key) is None


def test_an_upload_of_something_else_is_ended(
    s3_client: Any, copying: Copying, source: Source, traffic: Callable[[str], int]
) -> None:
    with pytest.raises(OutOfTime):
        copying(Enough(3))
    copying(None, shift=1)
    assert traffic("CreateMultipartUpload") == 2
    data = original(source, s3_client)
    assert copying.contents() == data[5 * MIB :] + data[: 5 * MIB]
    assert open_uploads(s3_client, copying.prefix) == []


def test_an_upload_that_somebody_ended_is_started_again(
    s3_client: Any, copying: Copying, source: Source
) -> None:
    with pytest.raises(OutOfTime):
        copying(Enough(3))
    assert S3ObjectStore(s3_client, BUCKET).abort_uploads(copying.prefix) == 1
    copying(None)
    assert copying.contents() == original(source, s3_client)
    assert open_uploads(s3_client, copying.prefix) == []


def test_another_run_goes_on_with_nothing(copying: Copying, traffic: Callable[[str], int]) -> None:
    with pytest.raises(OutOfTime):
        copying(Enough(3))
    copying.run_id = "later"
    copying(None)
    assert traffic("CreateMultipartUpload") == 2


def test_what_was_copied_stays_when_the_server_does_not_answer(
    s3_client: Any, copying: Copying, traffic: Callable[[str], int]
) -> None:
    left = Enough(6)

    def fail() -> None:
        if left.is_up():
            raise EndpointConnectionError(endpoint_url="http://nowhere")

    with pytest.raises(Unavailable):
        copying(None, client=Client(s3_client, upload_part_copy=fail))
    assert open_uploads(s3_client, copying.prefix) == [copying.key]
    copying(None)
    assert traffic("UploadPartCopy") == PARTS
    assert traffic("CreateMultipartUpload") == 1


def test_an_invocation_that_comes_no_further_is_an_error(copying: Copying) -> None:
    with pytest.raises(Unavailable, match="no time to go on"):
        copying(Enough(0))


def test_a_lost_condition_leaves_no_upload(
    s3_client: Any, copying: Copying, object_store: S3ObjectStore
) -> None:
    with pytest.raises(OutOfTime):
        copying(Enough(3))
    object_store.put(copying.key, b"somebody else's")
    with pytest.raises(ConflictError):
        copying(None)
    assert open_uploads(s3_client, copying.prefix) == []
    assert copying.contents() == b"somebody else's"


@dataclass
class Seconds:
    """Time that passes with copied parts alone, however busy the machine is."""

    milliseconds: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def half_of_one(self) -> None:
        """A part is copied, 16 at once."""
        with self.lock:
            self.milliseconds += 500 // 16

    def one(self) -> InvocationTime:
        """What is left of an invocation that begins now and is cut off in a second."""
        end = self.milliseconds + 1000
        return InvocationTime(lambda: end - self.milliseconds)


def bench_of_large_pictures(
    key_prefix: str, object_store: S3ObjectStore
) -> tuple[Workbench, AggregateRequest]:
    """Eight pictures of 20 MiB, converted and not yet in an archive; parts of 5 MiB."""
    bench = Workbench(
        replace(project({"CARS": job(["BIG"])}), project_id=key_prefix.strip("/")),
        {"yolo": OPTIONS["yolo"]},
        objects=object_store,  # type: ignore[arg-type]
        limits=PartLimits(rewrite_below=0, copy=5 * MIB, resumable_from=2),
        batch_size=1,
    )
    for number in range(8):
        put(bench, number, f"{number}.jpg")
        content = random.Random(number).randbytes(20 * MIB)
        bench.kili.files[f"/{number}-0"] = (content, "image/png")
    assets = sorted(bench.kili.assets)
    plan = bench.plan(assets, "rebuild")
    request = bench.request(plan, "yolo", bench.convert_all(plan, assets))
    return bench, request


def test_a_crash_in_the_middle_of_a_copy_is_gone_on_with_by_the_workflow(
    s3_client: Any,
    key_prefix: str,
    object_store: S3ObjectStore,
    tmp_path: Path,
    traffic: Callable[[str], int],
) -> None:
    """The process dies after a third of the parts; the deployed definition calls the next one."""
    bench, request = bench_of_large_pictures(key_prefix, object_store)
    left = Enough(10)
    started: list[object] = []

    def die() -> None:
        if left.is_up():
            raise KeyboardInterrupt

    def never() -> None:
        raise EndpointConnectionError(endpoint_url="http://nowhere")

    def aggregate(payload: dict[str, Any]) -> dict[str, Any]:
        client = s3_client
        if not started:
            client = Client(s3_client, upload_part_copy=die, abort_multipart_upload=never)
        started.append(payload["resume"])
        aggregate = PublishExport(
            store := S3ObjectStore(client, BUCKET),
            bench.clock,
            bench.tokens,
            S3Traffic(s3_client),
            bench.limits,
            0,
            ApplyRetention(store, bench.clock, RetentionRules()),
        )
        try:
            return aggregate(request).model_dump(mode="json")
        except KeyboardInterrupt:
            raise FunctionFailed("Runtime.ExitError", "signal: killed") from None

    machine = Bench(tmp_path)
    machine.objects.stored["bucket", "runs/r1/work.jsonl"] = b'{"asset_id": "a"}'
    execution = run(machine, plan=planned(1, exports=("yolo",)), aggregate=aggregate)

    assert started == [None, None]
    assert [one["status"] for one in execution.output["exports"]] == ["committed"]
    assert traffic("UploadPartCopy") < 32 + 16, "it was started again"
    assert bench.manifest("yolo").counts.exported == 8
    listed = [stored.key for stored in object_store.list(f"exports/{key_prefix}yolo/archives/")]
    assert listed == [bench.manifest("yolo").archive.key]
    assert open_uploads(s3_client, f"exports/{key_prefix}") == []
    object_store.delete(listed)


def test_an_aggregation_outlasts_invocations_of_a_second(
    s3_client: Any, key_prefix: str, object_store: S3ObjectStore
) -> None:
    """Each part takes half a second here, and each invocation may take one."""
    bench, request = bench_of_large_pictures(key_prefix, object_store)
    seconds = Seconds()
    slow = Client(s3_client, upload_part_copy=seconds.half_of_one)
    statuses: list[str] = []
    while not statuses or statuses[-1] == "continue":
        store = S3ObjectStore(slow, BUCKET)
        aggregate = PublishExport(
            store,
            bench.clock,
            bench.tokens,
            S3Traffic(s3_client),
            bench.limits,
            1 << 30,
            ApplyRetention(store, bench.clock, RetentionRules()),
        )
        answer = aggregate(request, seconds.one())
        request = request.model_copy(update={"resume": answer.resume})
        statuses.append(answer.status)
    # 32 parts for the archive and as many for the copy, 16 at once.
    assert len(statuses) >= 2, "all of it was done in one invocation"
    assert statuses[-1] == "committed"
    manifest = bench.manifest("yolo")
    assert manifest.counts.exported == 8
    assert manifest.moved.requests["UploadPartCopy"] >= 32, "those of all invocations"
    archive, latest = (
        object_store.head(key) for key in (manifest.archive.key, manifest.latest_key or "")
    )
    assert archive is not None
    assert latest is not None
    assert archive.size == latest.size == manifest.archive.size > 160 * MIB
    assert open_uploads(s3_client, f"exports/{key_prefix}") == []
    listed = [stored.key for stored in object_store.list(f"exports/{key_prefix}yolo/archives/")]
    assert listed == [manifest.archive.key]
    object_store.delete([*listed, manifest.latest_key or ""])
