"""What is purged is gone from everything that is stored, and nothing else is."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kili_export.archives import tables
from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy
from kili_export.archives.known_exports import stored_exports
from kili_export.archives.manifest import LatestHold
from kili_export.archives.manifest_store import load_manifest, load_published, read_manifest
from kili_export.archives.purged_export import is_tombstone
from kili_export.archives.snapshots import iter_snapshots, pinned_keys
from kili_export.archives.tree_state import load_tree_state, put_tree_state
from kili_export.changes.comparison.listing_slices import ListingSlices
from kili_export.changes.events.debounce_window import DebounceWindow
from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.changes.events.run_starter import RunStarter
from kili_export.core.bucket_layout import (
    comparisons_prefix,
    latest_key,
    manifest_key,
    registration_key,
    report_key,
    tree_state_key,
)
from kili_export.core.errors import ConflictError, InvalidConfiguration, Unavailable
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.maintenance.retention.eraser import Eraser
from kili_export.maintenance.retention.purge_asset import PurgeAsset
from kili_export.maintenance.retention.purge_export import PurgeExports
from kili_export.reading.deliver_tree import DeliverTree
from kili_export.reading.pull import pull_archive
from kili_export.reading.read_report import read_report
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.registration.declaration import (
    DeliveryDocument,
    ExportDeclaration,
    ProjectRegistration,
)
from kili_export.registration.register_exports import unregister
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.full_export_session import FullExportSession, SessionExport, SessionStore
from kili_export.runs.lease import Lease, ProjectLease
from kili_export.runs.tracked_exports import TrackedExports, TrackedExportsStore
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import Source
from kili_export.steps.publishing.generation.commit import Publisher
from kili_export.storage.tables.table_layout import FOOTER_SIZE, MAGIC
from kili_export.storage.tables.table_reader import TableReader
from tests.support.fakes import (
    InMemoryChanges,
    InMemoryObjects,
    InMemoryProjectState,
    RecordingWorkflow,
)
from tests.support.kili_samples import answers, asset, box, fetched, label
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

OPTIONS = {
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
}
ASSET = "as_007"
FILE = "a-name-to-be-forgotten"


class Site:
    """A project with a history, in a bucket that keeps versions."""

    def __init__(self) -> None:
        self.bench = bench = Workbench(two_jobs(), dict(OPTIONS))
        self.objects = bench.objects
        self.objects.keeps_versions = True
        self.state, self.workflow = InMemoryProjectState(), RecordingWorkflow()
        self.changes = InMemoryChanges()
        lease = ProjectLease(self.state, self.workflow, bench.clock, believed=60)
        starter = RunStarter(self.workflow, self.state, bench.clock, DebounceWindow(60, 10), lease)
        self.eraser = Eraser(
            self.objects,
            self.state,
            self.workflow,
            FollowUpRuns(self.changes, starter),
            bench.clock,
            bench.tokens,
        )
        exports = tuple(ExportDeclaration(name=name, format=name) for name in ("coco", "kili"))
        registration = ProjectRegistration(project_id="proj1", exports=exports)
        self.objects.put(registration_key("proj1"), registration.to_bytes())
        for key in ("exports/proj10/coco/manifest.json", "registrations/proj10.json"):
            self.objects.put(key, b"of another project")
        for number in range(30):
            bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
        bench.rebuild()
        take_snapshot(self.objects, "proj1", "coco", "before")
        self.change(1, "1.jpg", 0.4)

    def change(self, number: int, name: str, left: float) -> None:
        """One generation with this asset as given."""
        self.bench.kili.assets[f"as_{number:03d}"] = labelled(number, name, left)
        self.bench.run([f"as_{number:03d}"])

    def live_and_die(self) -> None:
        """The asset gets a name, is kept in a snapshot, and is deleted."""
        self.change(7, f"{FILE}.jpg", 0.4)
        take_snapshot(self.objects, "proj1", "coco", "with")
        self.change(2, "2.jpg", 0.4)
        del self.bench.kili.assets[ASSET]
        self.bench.run([ASSET])
        self.change(3, "3.jpg", 0.4)
        take_snapshot(self.objects, "proj1", "coco", "after")

    def held_by_a_run(self) -> None:
        """Somebody publishes the project."""
        self.state.take("proj1", holder="run", expires_at=self.bench.clock.now(), seen=None)
        self.workflow.running.add("run")

    def everything(self) -> dict[str, bytes]:
        """All that is stored, former versions included."""
        former = {f"{key} (former {n})": d for n, (key, d) in enumerate(self.objects.versions)}
        return {**{key: data for key, (data, _) in self.objects.stored.items()}, **former}

    def mentions(self, what: bytes) -> list[str]:
        """Where something is named: ZIP names, lists and ledgers are stored readably or not."""
        found = []
        for key, data in self.everything().items():
            texts = [data, *self.unpacked(data)]
            if any(what in text for text in texts):
                found.append(key)
        return found

    @staticmethod
    def unpacked(data: bytes) -> list[bytes]:
        if MAGIC in data[-FOOTER_SIZE:]:
            objects = InMemoryObjects()
            stored = objects.put("table", data)
            pairs = TableReader(objects, Source("table", stored.etag, stored.size)).scan()
            return [text for pair in pairs for text in pair if text is not None]
        if not zipfile.is_zipfile(io.BytesIO(data)):
            return []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(name) for name in archive.namelist()]


@pytest.fixture
def site() -> Site:
    return Site()


def purge_exports(site: Site) -> PurgeExports:
    return PurgeExports(site.eraser, site.changes, site.state)


TOMBSTONES = {"exports/proj1/coco/manifest.json", "exports/proj1/yolo/manifest.json"}


def test_a_purged_project_leaves_nothing_behind(site: Site) -> None:
    now = site.bench.clock.now()
    site.changes.mark("proj1", "as_001", version="v", at=now)
    site.changes.mark("proj10", "as_001", version="v", at=now)
    site.objects.uploads.add("exports/proj1/coco/archives/unfinished.zip")
    erased = purge_exports(site)("proj1", None)
    assert site.everything().keys() == {
        *TOMBSTONES,
        "exports/proj1/kili/manifest.json",
        "exports/proj10/coco/manifest.json",
        "registrations/proj10.json",
    }
    for key in TOMBSTONES:
        left = json.loads(site.everything()[key])
        assert left.keys() == {
            "schema_version",
            "project_id",
            "export_name",
            "generation",
            "purged_at",
        }
    assert stored_exports(site.objects, "proj1") == ()
    assert site.objects.uploads == set()
    assert site.changes.subjects("proj1") == set()
    assert site.changes.subjects("proj10") == {"as_001"}
    assert {registration_key("proj1"), manifest_key("proj1", "yolo")} <= set(erased.keys)
    assert any("/archives/" in key for key in erased.keys)
    assert erased.versions > 0


def test_a_purged_export_leaves_the_others_as_they_were(site: Site) -> None:
    before = {
        key: d for key, d in site.everything().items() if key.startswith("exports/proj1/yolo")
    }
    purge_exports(site)("proj1", "coco")
    after = site.everything()
    assert [key for key in after if "proj1/coco/" in key] == ["exports/proj1/coco/manifest.json"]
    assert is_tombstone(after["exports/proj1/coco/manifest.json"])
    assert not [key for key in after if key.startswith("runs/proj1/")], "runs hold all exports"
    assert {key: d for key, d in after.items() if key.startswith("exports/proj1/yolo")}.keys() >= {
        key for key in before if "former" not in key
    }
    registration = load_registration(site.objects, "proj1")
    assert registration is not None
    assert [export.name for export in registration.exports] == ["kili"]


def test_the_last_declared_export_takes_the_registration_with_it(site: Site) -> None:
    purge_exports(site)("proj1", "coco")
    site.objects.put("exports/proj1/kili/manifest.json", b"-")
    purge_exports(site)("proj1", "kili")
    assert load_registration(site.objects, "proj1") is None


def test_purging_again_completes_what_was_interrupted(site: Site) -> None:
    def fail() -> None:
        raise ConflictError("killed")

    site.objects.interleaving.before("abort_uploads", fail)
    with pytest.raises(ConflictError):
        purge_exports(site)("proj1", None)
    purge_exports(site)("proj1", None)
    left = {key for key in site.everything() if "proj1/" in key}
    assert left == {*TOMBSTONES, "exports/proj1/kili/manifest.json"}


def test_an_export_that_was_purged_is_not_there_to_be_purged(site: Site) -> None:
    purge_exports(site)("proj1", None)
    for export in (None, "coco"):
        with pytest.raises(InvalidConfiguration, match="Nothing of"):
            purge_exports(site).find("proj1", export)
    with pytest.raises(InvalidConfiguration, match="was purged on"):
        read_manifest(site.objects, "proj1", "coco")


def test_numbers_go_on_after_a_purge_also_where_the_manifest_is_damaged(site: Site) -> None:
    before = site.bench.manifest("coco")
    assert before.generation == 2
    site.objects.put(manifest_key("proj1", "yolo"), b"-")
    purge_exports(site)("proj1", None)
    site.bench.rebuild()
    for export in ("coco", "yolo"):
        after = site.bench.manifest(export)
        assert (after.generation, after.first_generation) == (3, 3)
        assert after.lineage != before.lineage
        assert after.first_members == after.counts.members
        assert after.recent_deltas == ()
        assert after.classes_generation == 3


def test_a_run_that_was_planned_before_a_purge_publishes_nothing_after_it(site: Site) -> None:
    """A first commit, and a later one: neither depends on what is there any more."""
    bench = site.bench
    bench.options["new"] = OPTIONS["yolo"]
    site.objects.put(
        registration_key("proj1"),
        ProjectRegistration(
            project_id="proj1", exports=(ExportDeclaration(name="new", format="yolo_v8"),)
        ).to_bytes(),
    )
    plan = bench.plan(sorted(bench.kili.assets), "rebuild")
    results = bench.convert_all(plan, sorted(bench.kili.assets))
    # What an invocation has read before it commits.
    kept = {key: value for key, value in site.objects.stored.items() if key.startswith("runs/")}
    purge_exports(site)("proj1", None)
    site.objects.stored.update(kept)
    for export in bench.options:
        with pytest.raises(ConflictError):
            bench.aggregate(bench.request(plan, export, results))
        assert stored_exports(site.objects, "proj1") == ()


@pytest.mark.parametrize("export", ["new", "coco"])
def test_a_commit_that_is_under_way_during_a_purge_is_lost(site: Site, export: str) -> None:
    bench = site.bench
    bench.options["new"] = OPTIONS["yolo"]
    registration = ProjectRegistration(
        project_id="proj1",
        exports=tuple(ExportDeclaration(name=name, format="yolo_v8") for name in ("new", "coco")),
    )
    site.objects.put(registration_key("proj1"), registration.to_bytes())
    plan = bench.plan([], "rebuild")
    results = bench.convert_all(plan, [])
    manifest, etag = load_manifest(site.objects, "proj1", "coco")
    assert manifest is not None
    purge_exports(site)("proj1", None)
    late = manifest.model_copy(update={"export_name": export, "run_id": plan.run_id})
    with pytest.raises(ConflictError):
        Publisher(site.objects, PartLimits()).commit(late, etag if export == "coco" else None)
    assert results.key
    assert load_manifest(site.objects, "proj1", export)[0] is None


@pytest.mark.parametrize("export", [None, "coco"])
def test_nothing_is_purged_while_a_run_publishes(site: Site, export: str | None) -> None:
    site.held_by_a_run()
    before = site.everything()
    with pytest.raises(InvalidConfiguration, match="kili-export wait proj1"):
        purge_exports(site)("proj1", export)
    with pytest.raises(InvalidConfiguration, match="kili-export wait proj1"):
        PurgeAsset(site.eraser)("proj1", export, ASSET)
    assert site.everything() == before


@pytest.mark.parametrize("export", [None, "coco"])
def test_no_run_begins_while_something_is_purged(site: Site, export: str | None) -> None:
    """A run that comes meanwhile finds the lease taken; what it came for gets one afterwards."""
    leases = ProjectLease(site.state, site.workflow, site.bench.clock, believed=60)
    tried: list[Lease | None] = []

    def come() -> None:
        tried.append(leases.acquire("proj1", "another run"))
        site.changes.mark("proj1", "as_003", version="v", at=site.bench.clock.now())

    site.objects.interleaving.before("abort_uploads", come)
    purge_exports(site)("proj1", export)
    assert tried == [None]
    lease = site.state.read("proj1")
    assert lease is not None
    assert lease.holder is None
    assert lease.is_settled
    started = [name for name in site.workflow.started if name.endswith(f"-f{lease.token}")]
    assert bool(started) is (export is not None), "nobody takes the change up"


def test_a_purge_that_fails_gives_the_lease_back(site: Site) -> None:
    def fail() -> None:
        raise ConflictError("killed")

    site.objects.interleaving.before("abort_uploads", fail)
    with pytest.raises(ConflictError):
        purge_exports(site)("proj1", None)
    lease = site.state.read("proj1")
    assert lease is not None
    assert lease.holder is None


def test_what_a_dead_run_told_nobody_of_is_not_taken_for_told(site: Site) -> None:
    site.state.take("proj1", holder="dead", expires_at=site.bench.clock.now(), seen=None)
    purge_exports(site)("proj1", "coco")
    lease = site.state.read("proj1")
    assert lease is not None
    assert (lease.holder, lease.is_settled) == (None, False)


def test_a_run_that_was_stopped_publishes_nothing_after_an_asset_was_purged(site: Site) -> None:
    """Its execution ended, an invocation of it did not."""
    bench = site.bench
    site.live_and_die()
    site.state.take("proj1", holder="stopped", expires_at=bench.clock.now(), seen=None)
    plan = bench.plan(["as_005"], "incremental")
    results = bench.convert_all(plan, ["as_005"])
    kept = {key: value for key, value in site.objects.stored.items() if plan.run_id in key}
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    site.objects.stored.update(kept)
    for export in OPTIONS:
        assert bench.manifest(export).fence == 2
        with pytest.raises(ConflictError):
            bench.aggregate(bench.request(plan, export, results))


def test_what_does_not_exist_is_told(site: Site) -> None:
    with pytest.raises(InvalidConfiguration, match="Nothing of"):
        purge_exports(site).find("nobody", None)
    with pytest.raises(InvalidConfiguration, match="Nothing of"):
        purge_exports(site).find("proj1", "nothing")
    with pytest.raises(InvalidConfiguration, match="Nothing of"):
        PurgeAsset(site.eraser).find("nobody", None, ASSET)
    with pytest.raises(InvalidConfiguration, match=r"no export 'nothing'\. .*yolo"):
        PurgeAsset(site.eraser).find("proj1", "nothing", ASSET)
    with pytest.raises(InvalidConfiguration, match="Its exports with data: coco, yolo"):
        purge_exports(site).find("proj1", "nothing")


def test_an_asset_that_is_still_exported_is_refused_with_the_way_out(site: Site) -> None:
    before = site.everything()
    with pytest.raises(InvalidConfiguration, match=r"Delete it in Kili.*reconcile proj1"):
        PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.everything() == before


def test_an_asset_of_an_export_that_ended_is_refused_with_advice_that_helps(site: Site) -> None:
    """No run takes it out there: to delete it in Kili and to compare would change nothing."""
    with pytest.raises(
        InvalidConfiguration, match=r"has ended.*kili-export purge proj1 yolo"
    ) as told:
        PurgeAsset(site.eraser).find("proj1", "yolo", ASSET)
    assert "reconcile" not in str(told.value)
    purge_exports(site)("proj1", "yolo")
    unregister(site.objects, "proj1")
    with pytest.raises(InvalidConfiguration, match="kili-export purge proj1 coco"):
        PurgeAsset(site.eraser).find("proj1", None, ASSET)
    purge_exports(site)("proj1", "coco")
    with pytest.raises(InvalidConfiguration, match="Nothing of project proj1"):
        PurgeAsset(site.eraser).find("proj1", None, ASSET)


def test_an_export_that_ended_and_has_not_the_asset_stops_no_purge(site: Site) -> None:
    site.live_and_die()
    unregister(site.objects, "proj1")
    assert PurgeAsset(site.eraser)("proj1", None, ASSET).keys


def test_an_asset_of_an_export_that_cannot_be_made_is_refused_with_the_reason(site: Site) -> None:
    reasons = {"coco": "COCO has no videos"}
    TrackedExportsStore(site.objects, None).leave_out("proj1", TrackedExports(left_out=reasons))
    with pytest.raises(InvalidConfiguration, match=r"COCO has no videos.*purge proj1 coco"):
        PurgeAsset(site.eraser).find("proj1", "coco", ASSET)


@pytest.fixture
def many_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change is written into tables of its own, and none become one."""
    monkeypatch.setattr(tables, "WHOLE_BYTES", 0)
    monkeypatch.setattr(tables, "_MOST_TABLES", 99)
    monkeypatch.setattr(tables, "_SHARE", 0)


@pytest.mark.usefixtures("many_tables")
def test_a_purged_asset_goes_from_tables_whose_removal_another_one_tells(site: Site) -> None:
    site.live_and_die()
    before = site.bench.manifest("coco")
    assert len(before.tables) > 4
    assert before.ledger.key in site.mentions(ASSET.encode())
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    assert site.mentions(ASSET.encode()) == []
    after = site.bench.manifest("coco")
    assert (after.ledger_changes, len(after.files)) == ((), 1)
    assert (after.generation, after.version) == (before.generation, before.version)
    site.change(4, "4.jpg", 0.4)
    assert pulled_files(site, "coco") == site.bench.files("coco")


def pulled_files(site: Site, export: str) -> dict[str, bytes]:
    target = io.BytesIO()
    pull_archive(site.objects, "proj1", export, target)
    return site.bench.files_of(target.getvalue())


def test_a_purged_asset_is_named_nowhere_any_more(site: Site) -> None:
    site.live_and_die()
    assert len(site.mentions(FILE.encode())) > 5
    erased = PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    assert site.mentions(ASSET.encode()) == []
    kinds = {
        kind
        for kind in ("archives", "deltas", "files", "ledgers", "snapshots", "runs")
        if any(f"{kind}/" in key for key in erased.keys)
    }
    assert kinds == {"archives", "deltas", "files", "ledgers", "snapshots", "runs"}


def test_an_asset_goes_from_deltas_that_follow_an_archive_too(site: Site) -> None:
    bench = site.bench
    bench.rewriting = CompactionPolicy(
        CompactionCost(DAY, 1e-12), timedelta(0), share=1e9, most_deltas=99
    )
    site.live_and_die()
    assert len(bench.manifest("coco").deltas) > 2
    with pytest.raises(InvalidConfiguration, match="kili-export run proj1 --wait"):
        PurgeAsset(site.eraser)("proj1", None, ASSET)
    plan = bench.plan([], "incremental", rewrite=True)
    results = bench.convert_all(plan, [])
    for export in OPTIONS:
        assert bench.aggregate(bench.request(plan, export, results)).rewritten
    assert site.mentions(FILE.encode())
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    # A snapshot is whole, or is gone.
    for name, snapshot in iter_snapshots(site.objects, "proj1", "coco"):
        assert pinned_keys(snapshot) <= site.objects.stored.keys(), name
        pull_archive(site.objects, "proj1", "coco", io.BytesIO(), snapshot=name)


def test_an_asset_goes_from_a_copy_at_the_fixed_key_that_is_not_kept_any_more(site: Site) -> None:
    site.change(7, f"{FILE}.jpg", 0.4)
    copies = {
        key: site.objects.stored[key] for key in (latest_key("proj1", name) for name in OPTIONS)
    }
    site.bench.latest_max_bytes = 10
    del site.bench.kili.assets[ASSET]
    site.bench.run([ASSET])
    # As a run leaves it that ends before it removes the copy.
    site.objects.stored.update(copies)
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    assert not copies.keys() & site.objects.stored.keys()


def test_an_asset_goes_from_a_copy_that_is_held_back(site: Site) -> None:
    site.change(7, f"{FILE}.jpg", 0.4)
    keys = [latest_key("proj1", name) for name in OPTIONS]
    copies = {key: site.objects.stored[key] for key in keys}
    del site.bench.kili.assets[ASSET]
    site.bench.run([ASSET])
    # As gates leave it.
    site.objects.stored.update(copies)
    hold = LatestHold(
        generation=3, held=("classes_change",), since=site.bench.clock.now(), run_id="r"
    )
    for name in OPTIONS:
        held = site.bench.manifest(name).model_copy(update={"latest": hold})
        site.objects.put(manifest_key("proj1", name), held.to_bytes())
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    assert not copies.keys() & site.objects.stored.keys()
    for name in OPTIONS:
        manifest = site.bench.manifest(name)
        assert manifest.latest == hold.model_copy(update={"generation": None})
        assert manifest.latest_key is None


def test_an_asset_goes_from_lists_that_are_kept_meanwhile(site: Site) -> None:
    objects = site.objects
    session = FullExportSession(
        session_id="s1",
        exports=(SessionExport(name="coco", definition="d", dated="2026", reason="asked for"),),
        listed=30,
        slices=1,
    )
    SessionStore(objects).write("proj1", session, etag=None)
    slices = ListingSlices(objects, "proj1")
    for _ in range(2):
        slices.write("s1", 0, [(ASSET, ASSET)])
        for purpose in ("sweep", "run"):
            objects.put(f"{comparisons_prefix('proj1', purpose)}1.jsonl", ASSET.encode())
    assert slices.is_readable("s1", 0)
    del site.bench.kili.assets[ASSET]
    site.bench.run([ASSET])
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(ASSET.encode()) == []
    assert not slices.is_readable("s1", 0), "it is started again"


@pytest.mark.parametrize("others", [True, False])
def test_an_asset_goes_from_a_report_that_was_not_brought_up_to_date(
    site: Site, others: bool
) -> None:
    assert_gone_from_a_stale_report(site, others)


@pytest.mark.usefixtures("many_tables")
def test_a_report_is_made_out_of_the_tables_that_a_purge_leaves(site: Site) -> None:
    assert_gone_from_a_stale_report(site, others=True)


def assert_gone_from_a_stale_report(site: Site, others: bool) -> None:
    lost = [ASSET, "as_008"] if others else [ASSET]
    for asset_id in lost:
        made: Any = label(answers(CARS=[box("GONE", 0.1, 0.1, 0.9, 0.8, mid="m")]))
        found = fetched(asset(int(asset_id[3:]), f"{asset_id[3:]}.jpg", made))
        site.bench.kili.assets[asset_id] = replace(
            found, asset_id=asset_id, order_key=asset_id, fingerprint="lost"
        )
    site.bench.run(lost)
    key = report_key("proj1", "yolo")
    stale = site.objects.stored[key]
    assert ASSET.encode() in stale[0]
    del site.bench.kili.assets[ASSET]
    site.bench.run([ASSET])
    # As a run leaves it that ends before it writes the report.
    site.objects.stored[key] = stale
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(ASSET.encode()) == []
    assert (key in site.objects.stored) is others
    assert len(read_report(site.objects, "proj1", "yolo").assets) == others


@pytest.mark.parametrize("damage", ["gone", "replaced"])
def test_a_snapshot_whose_tables_cannot_be_read_stops_no_purge(site: Site, damage: str) -> None:
    snapshots = dict(iter_snapshots(site.objects, "proj1", "coco"))
    table = snapshots["before"].ledger.key
    site.objects.delete([table])
    if damage == "replaced":
        site.objects.put(table, b"something else")
    site.live_and_die()
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
    assert "before" not in dict(iter_snapshots(site.objects, "proj1", "coco"))


def declare_tree(site: Site) -> None:
    declared = ExportDeclaration(name="yolo", format="yolo_v8", deliver=DeliveryDocument(tree=True))
    registration = ProjectRegistration(project_id="proj1", exports=(declared,))
    site.objects.put(registration_key("proj1"), registration.to_bytes())


def test_an_asset_that_a_tree_may_hold_yet_is_refused_with_the_way_out(site: Site) -> None:
    declare_tree(site)
    site.live_and_die()
    objects, clock = site.objects, site.bench.clock
    deliver = DeliverTree(objects, clock, site.bench.tokens)
    deliver("proj1", "yolo")
    current, etag = load_tree_state(objects, "proj1", "yolo")
    assert current is not None
    assert etag is not None
    behind = current.model_copy(update={"status": "applying"})
    etag = put_tree_state(objects, behind, etag)
    with pytest.raises(InvalidConfiguration, match="kili-export run proj1 --wait"):
        PurgeAsset(site.eraser)("proj1", None, ASSET)
    ended = behind.model_copy(update={"ended_at": clock.now()})
    etag = put_tree_state(objects, ended, etag)
    with pytest.raises(InvalidConfiguration, match="remove everything below exports/proj1/yolo/tr"):
        PurgeAsset(site.eraser)("proj1", None, ASSET)
    put_tree_state(objects, current, etag)
    PurgeAsset(site.eraser)("proj1", None, ASSET)


def test_an_asset_that_files_of_an_unknown_tree_may_hold_is_refused(site: Site) -> None:
    declare_tree(site)
    deliver = DeliverTree(site.objects, site.bench.clock, site.bench.tokens)
    deliver("proj1", "yolo")
    site.live_and_die()
    # As a person does it who wants the whole tree compared.
    site.objects.delete([tree_state_key("proj1", "yolo")])
    with pytest.raises(InvalidConfiguration, match="nothing says which generation"):
        PurgeAsset(site.eraser)("proj1", None, ASSET)
    deliver("proj1", "yolo")
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []


def test_a_purge_takes_the_tree_along(site: Site) -> None:
    declare_tree(site)
    DeliverTree(site.objects, site.bench.clock, site.bench.tokens)("proj1", "yolo")
    site.objects.put("exports/proj1/yolo/tree/00000999-x.zip", b"a file of the export")
    purge_exports(site)("proj1", "yolo")
    left = [key for key in site.objects.stored if key.startswith("exports/proj1/yolo/")]
    assert left == ["exports/proj1/yolo/manifest.json"]
    # No file of a tree is taken for an archive of that number.
    assert load_published(site.objects, "proj1", "yolo").generation < 999


def test_the_current_generation_and_clean_snapshots_stay(site: Site) -> None:
    site.live_and_die()
    files = {name: site.bench.files(name) for name in OPTIONS}
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert {name: site.bench.files(name) for name in OPTIONS} == files
    snapshots = [key for key in site.objects.stored if "/snapshots/" in key]
    assert snapshots == ["exports/proj1/coco/snapshots/after.json"]
    assert latest_key("proj1", "coco") in site.objects.stored


def test_the_chain_names_only_deltas_that_exist(site: Site) -> None:
    site.live_and_die()
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    for name in OPTIONS:
        chain = site.bench.manifest(name).recent_deltas
        assert {delta.key for delta in chain} <= site.objects.stored.keys()
        assert [delta.generation for delta in chain] == [6], "the one after the removal"


def test_publishing_goes_on_after_a_purge(site: Site) -> None:
    site.live_and_die()
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    site.change(4, "4.jpg", 0.6)
    assert site.bench.manifest("yolo").generation == 7
    assert ASSET.encode() not in b"".join(site.bench.files("coco").values())


def test_a_bucket_that_does_not_answer_is_no_reason_to_erase(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.live_and_die()
    before = dict(site.objects.stored)
    read = InMemoryObjects.get_range
    refused = []

    def get_range(objects: InMemoryObjects, key: str, *arguments: Any, **options: Any) -> bytes:
        if "/deltas/" in key:
            refused.append(key)
            raise Unavailable("the bucket does not answer")
        return read(objects, key, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(InMemoryObjects, "get_range", get_range)
        with pytest.raises(Unavailable):
            PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert refused, "no delta was read"
    assert site.objects.stored == before
    assert site.mentions(ASSET.encode()) != [], "there was nothing to erase"
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(ASSET.encode()) == []
    assert not set(refused) & site.objects.stored.keys()


def test_an_asset_that_was_never_there_costs_no_generation(site: Site) -> None:
    before = {key for key in site.objects.stored if "/archives/" in key or "/deltas/" in key}
    PurgeAsset(site.eraser)("proj1", "yolo", "as_unknown")
    assert before <= site.objects.stored.keys()


def test_a_run_that_published_meanwhile_wins(site: Site) -> None:
    site.live_and_die()
    key = manifest_key("proj1", "coco")
    newer = site.bench.manifest("coco").model_copy(update={"run_id": "another"})

    def publish() -> None:
        site.objects.put(key, newer.to_bytes())

    site.objects.interleaving.before("put", publish)
    with pytest.raises(ConflictError, match="purge again"):
        PurgeAsset(site.eraser)("proj1", "coco", ASSET)
    assert site.bench.manifest("coco") == newer
    PurgeAsset(site.eraser)("proj1", None, ASSET)
    assert site.mentions(FILE.encode()) == []
