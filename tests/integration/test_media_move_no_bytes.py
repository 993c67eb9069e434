"""One changed label in a project of pictures: the server copies them, and nobody else touches them.

Counted at the door of the S3 server, and by the stand-in of Kili.
"""

import random
from pathlib import Path
from typing import Any

from devtools.bench.against_sdk.counting_proxy import CountingProxy
from devtools.corpus import corpus_project
from devtools.parity.real_pictures import real_pictures, real_pictures_are_there
from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.core.clock import SystemClock
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.local.kili_standin import KiliWorld, start_standin
from kili_export.local.kili_standin.state.model import Project, StoredMedia
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.splicing.part_limits import PartLimits
from tests.support.seaweed import BUCKET
from tests.support.workbench import Workbench

IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco-real" / "images"


def project_of_pictures() -> Project:
    """Real photographs with their real annotations where they are, made-up ones elsewhere."""
    if real_pictures_are_there():
        project = real_pictures(3)
        for asset in project.assets.values():
            asset.media = StoredMedia((IMAGES / asset.external_id).read_bytes(), "image/jpeg")
        return project
    project = corpus_project("pictures", 7)
    for number, asset in enumerate(project.assets.values()):
        asset.media = StoredMedia(random.Random(number).randbytes(400_000), "image/jpeg")
    return project


def test_a_changed_label_moves_no_bytes_of_media(
    seaweed: SeaweedServer, object_store: S3ObjectStore
) -> None:
    world = KiliWorld(api_key="key")
    project = world.add_project(project_of_pictures())
    with start_standin(world) as standin, CountingProxy(lambda: seaweed._ports["s3"]) as door:
        client = client_through(seaweed, door.port)
        settings = KiliSettings(standin.endpoint, world.api_key, requests_per_minute=100_000)
        kili = KiliClient.connect(settings, SystemClock())
        bench = Workbench(
            kili.project(project.id),
            {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED, with_assets=True)},
            kili=kili,  # type: ignore[arg-type]
            objects=S3ObjectStore(client, BUCKET),  # type: ignore[arg-type]
            traffic=S3Traffic(client),
            # No archive is written from its bytes.
            limits=PartLimits(rewrite_below=0),
            batch_size=10,
        )
        bench.run(sorted(project.assets), mode="rebuild")
        before = bench.manifest("yolo")
        stored = pictures_in(bench, object_store, before.archive.key)
        media = sum(map(len, stored))
        assert media > 5_300_000, "too little for a server to copy"
        rendered = {asset.media.render() for asset in project.assets.values() if asset.media}
        assert set(stored) <= rendered, "the archive holds pictures that Kili does not"
        chosen = next(asset for asset in project.assets.values() if asset.labels)
        world.edit_label(chosen.labels[-1].id, {})

        world.counters.reset()
        begun = door.snapshot()
        answer = bench.run([chosen.id])["yolo"]
        moved = sum(door.snapshot()) - sum(begun)
        after = bench.manifest("yolo")
        client.close()

    assert (answer.status, answer.changed) == ("committed", 1)
    asked = world.counters.snapshot()
    assert asked["requests"].get("media", 0) == 0, "media were fetched from Kili"
    # Labels, directories, ledgers, deltas and manifests, of archive and batch, both ways.
    others = 4 * (after.archive.size - after.regions.media_end) + 4 * after.ledger.size + 100_000
    assert moved < min(others, media / 4), f"{moved} bytes for {media} bytes of media"
    assert after.moved.requests["UploadPartCopy"] >= 1
    assert pictures_in(bench, object_store, after.archive.key) == stored


def pictures_in(bench: Workbench, object_store: S3ObjectStore, key: str) -> list[bytes]:
    """The pictures of an archive. Of assets that share a name one has the file."""
    found = object_store.get(key)
    assert found is not None
    files = bench.files_of(found[0])
    return [files[path] for path in sorted(files) if path.startswith("images/")]


def client_through(seaweed: SeaweedServer, port: int) -> Any:
    """A client of the server that goes through another door."""
    other = SeaweedServer(
        Path("unused"),
        bucket=BUCKET,
        access_key_id=seaweed._credentials[0],
        secret_access_key=seaweed._credentials[1],
    )
    other._ports = {**seaweed._ports, "s3": port}
    return other.client()
