"""Five that believe to hold one export: a lease expired, and nobody knows of the others."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.core.bucket_layout import export_prefix, state_prefix
from kili_export.core.errors import ConflictError, TransientError
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.runs.messages import AggregateRequest
from kili_export.splicing.part_limits import MIB, PartLimits
from tests.integration.test_archive_on_s3 import open_uploads
from tests.support.kili_samples import job, project
from tests.support.seaweed import BUCKET
from tests.support.workbench import AssetsOfKili, Workbench
from tests.unit.steps.publishing.test_media import OPTIONS, put

RACERS = 5
PICTURES = 10
# Everything is an upload of parts that the server copies, and each of them is in the journal.
LIMITS = PartLimits(rewrite_below=0, copy=5 * MIB, resumable_from=2)


def racer(number: int, client: Any, project_id: str, kili: AssetsOfKili) -> Workbench:
    """One of them, with a client of its own. Its runs are numbered apart."""
    return Workbench(
        replace(project({"CARS": job(["BIG"])}), project_id=project_id),
        {"yolo": OPTIONS["yolo"]},
        kili=kili,
        objects=S3ObjectStore(client, BUCKET),  # type: ignore[arg-type]
        traffic=S3Traffic(client),
        limits=LIMITS,
        batch_size=PICTURES,
        runs=1000 * number,
    )


def request_of(bench: Workbench, asset_id: str) -> AggregateRequest:
    plan = bench.plan([asset_id], "incremental")
    return bench.request(plan, "yolo", bench.convert_all(plan, [asset_id]))


def patiently(bench: Workbench, request: AggregateRequest) -> bool:
    """Aggregates as the workflow does, with its retries. Answers whether it committed."""
    for _ in range(20):
        try:
            assert bench.aggregate(request).status == "committed"
        except ConflictError:
            return False
        except TransientError:
            continue
        return True
    raise AssertionError("the server never answered")


@pytest.mark.timeout(280)
def test_of_five_aggregators_at_once_none_loses_an_update_and_none_leaves_anything(
    seaweed: SeaweedServer, s3_client: Any, object_store: S3ObjectStore, key_prefix: str
) -> None:
    project_id = key_prefix.strip("/")
    kili = AssetsOfKili()
    clients = [seaweed.client() for _ in range(RACERS)]
    benches = [racer(number, clients[number], project_id, kili) for number in range(RACERS)]
    for number in range(PICTURES):
        put(benches[0], number, f"{number}.jpg")
        content = random.Random(number).randbytes(2 * MIB)
        kili.files[f"/{number}-0"] = (content, "image/png")
    benches[0].rebuild()
    committed = {benches[0].manifest("yolo").archive.key}
    waiting = list(range(RACERS))
    for number in waiting:
        put(benches[0], number, f"{number}.jpg", 0.5 + number / 100)
    rounds = 0
    while waiting:
        rounds += 1
        assert rounds <= RACERS, "a round went by in which nobody got through"
        # All of them plan from the manifest that is there now, and none knows of the others.
        planned = [(number, request_of(benches[number], f"as_{number:03d}")) for number in waiting]
        begin = threading.Barrier(len(planned))

        def race(
            number: int, request: AggregateRequest, wait: Callable[[], int] = begin.wait
        ) -> bool:
            wait()
            return patiently(benches[number], request)

        with ThreadPoolExecutor(RACERS) as pool:
            outcomes = list(pool.map(race, *zip(*planned, strict=True)))
        assert outcomes.count(True) == 1, f"round {rounds}: {outcomes}"
        committed.add(benches[0].manifest("yolo").archive.key)
        waiting = [number for (number, _), won in zip(planned, outcomes, strict=True) if not won]
        assert open_uploads(s3_client, export_prefix(project_id, "yolo")) == []
        assert open_uploads(s3_client, state_prefix(project_id, "yolo")) == []

    manifest = benches[0].manifest("yolo")
    assert manifest.generation == 1 + RACERS
    found = object_store.get(manifest.archive.key)
    assert found is not None
    files = benches[0].files_of(found[0])
    for number in range(RACERS):
        left = 0.5 + number / 100
        assert files[f"labels/{number}.txt"].split()[1:2] == [middle(left)], f"{number} was lost"
    names = [delta.from_generation for delta in manifest.recent_deltas]
    assert names == list(range(1, 1 + RACERS)), "a delta is not the one after the one before"

    prefix = export_prefix(project_id, "yolo")
    archives = {stored.key for stored in object_store.list(f"{prefix}archives/")}
    assert archives == committed, "a loser's archive stays, or a published one went"
    deltas = {stored.key for stored in object_store.list(f"{prefix}deltas/")}
    assert deltas == {delta.key for delta in manifest.recent_deltas}
    ledgers = list(object_store.list(f"{state_prefix(project_id, 'yolo')}ledgers/"))
    assert len(ledgers) == 1 + RACERS
    for client in clients:
        client.close()


def middle(left: float) -> bytes:
    """How a box from there to 0.9 is written: by its middle."""
    return str((left + 0.9) / 2).encode()
