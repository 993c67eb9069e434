"""A new version that is deployed while a run is under way mixes nothing and loses nothing."""

import io
import json

import pytest
from pydantic import ValidationError

from kili_export.archives.delta_document import ChangedMember, Delta
from kili_export.archives.loss_report.report_document import AssetLosses, LossReport
from kili_export.changes.events.pending_changes import asset_subject
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.document import PublishedDocument
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.formats.common.format import ExportFormat
from kili_export.formats.registry import format_of
from kili_export.reading.folder_state import FolderState
from kili_export.reading.pull import pull_archive
from kili_export.runs.messages import PlanAnswer
from kili_export.runs.plan import PLAN_VERSION
from tests.support.protocol_world import PROJECT, World
from tests.support.sample_manifest import manifest_of


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def deploy(world: World, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """From now on the functions convert as another version does."""
    for name in ("raw", "yolo"):
        found: type[ExportFormat] = type(format_of(world.manifest(name).options.to_options()))
        monkeypatch.setattr(found, "version", version)


def planned(world: World) -> tuple[str, PlanAnswer]:
    world.submit("as_001", "second", left=0.4)
    name = world.pending()[0]
    return name, world.begin(name)


def definitions(world: World) -> set[str]:
    return {world.manifest(name).definition for name in ("raw", "yolo")}


def assert_made_again(world: World, before: set[str]) -> None:
    """Every asset was converted by the new version, and nothing waits."""
    world.clock.advance(7 * 3600)
    world.look_after()
    world.kili.fetches.clear()
    world.run_pending()
    assert {asset for batch in world.kili.fetches for asset in batch} == set(world.kili.assets)
    assert not world.changes.held
    assert not definitions(world) & before


def test_what_one_version_planned_another_does_not_convert(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = definitions(world)
    name, answer = planned(world)
    deploy(world, monkeypatch, "next")
    with pytest.raises(ConflictError, match="planned for version"):
        world.convert(answer)
    assert asset_subject("as_001") in world.changes.subjects(PROJECT), "its mark was lost"
    world.fail(name, answer, "ConflictError")
    assert definitions(world) == before
    assert_made_again(world, before)


def test_what_one_version_converted_another_does_not_publish(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, generations = definitions(world), world.generations()
    name, answer = planned(world)
    results = world.convert(answer)
    deploy(world, monkeypatch, "next")
    exports = world.aggregate(answer, results)
    assert {one.error for one in exports} == {"ConflictError"}
    world.finish_run(name, answer, results, exports)
    assert asset_subject("as_001") in world.changes.subjects(PROJECT), "its mark was lost"
    assert world.generations() == generations
    assert_made_again(world, before)


def test_what_is_published_is_made_again_by_the_first_run_of_a_new_version(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = definitions(world)
    deploy(world, monkeypatch, "next")
    assert_made_again(world, before)


def written_by_the_next_version(world: World, answer: PlanAnswer) -> None:
    """Its plans have a field more, and say that they are of another version."""
    assert answer.plan_key
    plan = json.loads(world.objects.stored[answer.plan_key][0])
    plan |= {"schema_version": PLAN_VERSION + 1, "a_new_field": 1}
    world.objects.put(answer.plan_key, json.dumps(plan).encode())


def test_a_plan_of_another_version_is_refused_and_the_change_is_published_later(
    world: World,
) -> None:
    name, answer = planned(world)
    written_by_the_next_version(world, answer)
    with pytest.raises(ConflictError, match="planned in version"):
        world.convert(answer)
    world.fail(name, answer, "ConflictError")
    assert not world.lease.is_at_work(PROJECT)
    assert asset_subject("as_001") in world.changes.subjects(PROJECT), "its mark was lost"
    before = world.generations()
    world.clock.advance(7 * 3600)
    world.look_after()
    world.run_pending()
    assert not world.changes.held
    assert world.generations() == {name: number + 1 for name, number in before.items()}
    assert not world.manifest("raw").quarantined


def test_what_a_run_of_another_version_left_is_converted_again(world: World) -> None:
    name, answer = planned(world)
    results = world.convert(answer)
    exports = world.aggregate(answer, results, broken=["raw", "yolo"])
    world.finish_run(name, answer, results, exports)
    written_by_the_next_version(world, answer)
    world.kili.fetches.clear()
    world.clock.advance(7 * 3600)
    world.look_after()
    world.run_pending()
    assert world.kili.fetches == [("as_001",)]
    assert not world.changes.held


def rewritten_manifest(world: World, **fields: object) -> None:
    """What is published of `raw` as another version would have told it."""
    key = manifest_key(PROJECT, "raw")
    manifest = json.loads(world.objects.stored[key][0])
    manifest |= fields
    manifest["archive"]["a_new_field"] = {"of": "a part"}
    world.objects.put(key, json.dumps(manifest).encode())


def test_who_goes_back_to_a_former_version_builds_on_what_a_later_one_published(
    world: World,
) -> None:
    rewritten_manifest(world, a_new_field=[1])
    world.submit("as_001", "second", left=0.4)
    world.run_pending()
    assert world.generations()["raw"] == 2
    assert world.status().read(PROJECT).exports[0].manifest == world.manifest("raw")


@pytest.mark.parametrize("version", [2, 3])
def test_a_manifest_that_takes_a_later_version_is_told_to_be_one(
    world: World, version: int
) -> None:
    """Of version 2 are tombstones, which have not the fields of a manifest."""
    rewritten_manifest(world, schema_version=version)
    with pytest.raises(IntegrityError, match=r"raw/manifest\.json .* a later version"):
        pull_archive(world.objects, PROJECT, "raw", io.BytesIO())
    told = world.status().read(PROJECT).exports[0]
    assert told.manifest is None
    assert "a later version" in (told.blocked_by or "")


LISTED = ChangedMember(path="a.txt", sha256="0")
LOSS = AssetLosses(asset_id="as_001", losses=())


@pytest.mark.parametrize(
    "document",
    [
        manifest_of(),
        Delta(
            project_id="p",
            export_name="raw",
            run_id="r",
            generation=2,
            from_generation=1,
            added=(LISTED,),
        ),
        LossReport(project_id="p", export_name="raw", generation=1, assets=(LOSS,)),
        FolderState.of(manifest_of()),
    ],
    ids=lambda document: type(document).__name__,
)
def test_what_readers_are_told_may_have_more_fields_but_no_other_schema(
    document: PublishedDocument,
) -> None:
    told = json.loads(document.to_bytes())
    parts = [part for value in told.values() for part in (value if type(value) is list else [])]
    for part in (told, *parts):
        part["a_new_field"] = {"of": "a later version"}
    assert type(document).from_bytes(json.dumps(told).encode()) == document
    told["schema_version"] = 2
    with pytest.raises(ValidationError, match="schema_version"):
        type(document).from_bytes(json.dumps(told).encode())
