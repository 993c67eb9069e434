"""What runs used, added up and priced."""

from dataclasses import dataclass, replace

import pytest

from kili_export.core.export_options import ExportOptions
from kili_export.costs.prices import LIST_PRICES, Unit, aws_requests
from kili_export.costs.run_cost import Step, run_usage
from kili_export.costs.usage import RunUsage, Transfer, Usage
from kili_export.runs.messages import ResumeToken
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

NOTHING = Step(0, 0, {})


@dataclass
class _Ticking:
    """A meter by which each step took another second and request."""

    seconds: int = 0

    def spent(self) -> Usage:
        self.seconds += 1
        return Usage(invocations=1, seconds=self.seconds, requests={"s3.PutObject": 1})


def test_what_was_used_adds_up() -> None:
    one = Usage(invocations=1, seconds=1.5, requests={"s3.GetObject": 2}, kili_calls=1, bytes_up=3)
    other = Usage(invocations=1, seconds=0.5, requests={"s3.GetObject": 1, "dynamodb.Query": 1})
    assert one.plus(other) == Usage(
        invocations=2,
        seconds=2.0,
        requests={"s3.GetObject": 3, "dynamodb.Query": 1},
        kili_calls=1,
        bytes_up=3,
    )


def test_an_invocation_counts_from_its_beginning() -> None:
    before = Usage(seconds=100, requests={"s3.GetObject": 5}, kili_calls=7, bytes_down=10)
    after = Usage(
        seconds=102.25, requests={"s3.GetObject": 5, "s3.PutObject": 1}, kili_calls=8, bytes_down=30
    )
    assert after.since(before) == Usage(
        invocations=1, seconds=2.25, requests={"s3.PutObject": 1}, kili_calls=1, bytes_down=20
    )


def test_requests_are_priced_by_their_service() -> None:
    counted = {
        "s3.GetObject": 1, "s3.PutObject": 2, "dynamodb.Query": 3, "dynamodb.UpdateItem": 4,
        "secrets-manager.GetSecretValue": 5, "eventbridge.PutEvents": 6, "sfn.StartExecution": 7,
    }  # fmt: skip
    assert aws_requests(counted) == {
        Unit.S3_READ: 1,
        Unit.S3_WRITE: 2,
        Unit.TABLE_READ: 3,
        Unit.TABLE_WRITE: 4,
        Unit.SECRET_READ: 5,
        Unit.BUS_EVENT: 6,
    }


def test_a_run_without_batches_starts_no_child() -> None:
    usage = run_usage(plan=NOTHING, convert=NOTHING, publish=NOTHING, finish=NOTHING, exports=2)
    assert usage[Unit.TRANSITION] == 6 + 2 * 3
    assert usage[Unit.EXPRESS_REQUEST] == usage[Unit.S3_READ] == 0


def test_each_batch_is_a_child_and_a_transition() -> None:
    convert = Step(invocations=4, seconds=8.0, requests={})
    usage = run_usage(plan=NOTHING, convert=convert, publish=NOTHING, finish=NOTHING, exports=0)
    assert usage[Unit.TRANSITION] == 6 + 4
    assert usage[Unit.EXPRESS_REQUEST] == 4
    assert usage[Unit.EXPRESS_GB_SECOND] == pytest.approx(8.4 * 64 / 1024)
    assert usage[Unit.LAMBDA_GB_SECOND] == pytest.approx(8.0 * 1769 / 1024)


def test_the_estimate_names_its_prices() -> None:
    spending = RunUsage(publish=Usage(invocations=1, seconds=10), exports=1).estimated()
    assert spending.dollars == pytest.approx(LIST_PRICES.dollars(spending.usage()), rel=0.01)
    assert spending.prices == "us-east-1 2025-06"
    own = spending.estimated(LIST_PRICES.but({"transition": 1.0}))
    assert own.dollars >= 9


def five_assets() -> Workbench:
    bench = Workbench(project({"CARS": job(["BIG"])}), {"yolo": ExportOptions("yolo_v8")})
    for number in range(5):
        made = label(answers(CARS=[box("BIG", 0.1, 0.1, 0.9, 0.8)]))
        one = fetched(asset(number, f"{number}.jpg", made))
        bench.kili.assets[one.asset_id] = one
    return bench


def test_everything_that_publishing_reads_counts_as_moved() -> None:
    bench = five_assets()
    bench.rebuild()
    one = next(iter(bench.kili.assets))
    bench.kili.assets[one] = replace(bench.kili.assets[one], fingerprint="changed")
    plan = bench.plan([one], "incremental")
    request = bench.request(plan, "yolo", bench.convert_all(plan, [one]))
    begun = len(bench.objects.requests)
    bench.aggregate(request)
    moved = bench.manifest("yolo").moved
    read = [name for name, _ in bench.objects.requests[begun:] if name == "get_range"]
    assert len(read) > 2
    assert moved.requests["get_range"] == len(read)


def test_what_all_invocations_of_an_aggregation_used_is_counted() -> None:
    bench = five_assets()
    bench.meter = _Ticking()
    ids = sorted(bench.kili.assets)
    plan = bench.plan(ids, "rebuild")
    request = bench.request(plan, "yolo", bench.convert_all(plan, ids))
    answer = bench.aggregate(request.model_copy(update={"resume": EARLIER}))
    manifest = bench.manifest("yolo")
    assert answer.spent.invocations == manifest.spending.publish.invocations == 8
    assert manifest.spending.publish.requests == {"s3.PutObject": 1, "s3.UploadPartCopy": 900}
    assert manifest.moved.requests["UploadPartCopy"] == 900
    assert manifest.moved.bytes_up > 5_000_000


EARLIER = ResumeToken(
    spent=Usage(invocations=7, seconds=5000.0, requests={"s3.UploadPartCopy": 900}),
    moved=Transfer(requests={"UploadPartCopy": 900}, bytes_down=0, bytes_up=5_000_000),
)
"""What seven invocations handed to the eighth."""


def test_the_manifest_tells_what_the_run_used() -> None:
    bench = five_assets()
    bench.meter = _Ticking()
    answer = bench.rebuild()["yolo"]
    spending = bench.manifest("yolo").spending
    assert spending.convert.invocations == 2, "one for each batch of the run"
    assert spending.convert.requests == {"s3.PutObject": 2}
    assert spending.publish.invocations == spending.exports == 1
    assert answer.spent.seconds > spending.publish.seconds, "its commit comes after the manifest"
    assert spending.dollars > 0
