"""A declaration that hides authors is refused where something beside it names them."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kili_export.archives.declared_authors import require_hidden_authors
from kili_export.archives.purged_export import leave_tombstone
from kili_export.cli.commands import register as command
from kili_export.core.bucket_layout import export_prefix
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.registration.parse_registration import parse_registration
from kili_export.storage.object_store import delete_prefix
from tests.support.protocol_world import PROJECT, World

CHOICES = ("keep", "pseudonymous", "omit")


def published(**exports: Any) -> World:
    world = World(exports=exports)
    world.publish_everything()
    return world


def declare(world: World, *, mixed: bool = False, **exports: Any) -> None:
    declared = [{"name": name, **options} for name, options in exports.items()]
    registration = parse_registration({"project_id": PROJECT, "exports": declared})
    require_hidden_authors(world.objects, registration, mixed=mixed)


def of(format_name: str, authors: str) -> dict[str, str]:
    return {"format": format_name, "authors": authors}


@pytest.mark.parametrize("before", CHOICES)
@pytest.mark.parametrize("after", CHOICES)
def test_authors_are_not_hidden_beside_archives_that_tell_them(before: str, after: str) -> None:
    world = published(raw=of("kili", before))
    if CHOICES.index(after) <= CHOICES.index(before):
        declare(world, raw=of("kili", after))
        return
    for mixed in (False, True):
        with pytest.raises(InvalidConfiguration, match=rf"kili-export purge {PROJECT} raw"):
            declare(world, mixed=mixed, raw=of("kili", after))
    delete_prefix(world.objects, export_prefix(PROJECT, "raw"))
    leave_tombstone(world.objects, PROJECT, "raw", world.clock.now())
    declare(world, raw=of("kili", after))


def test_a_format_between_that_names_no_authors_hides_nothing() -> None:
    world = published(raw=of("kili", "keep"))
    assert world.manifest("raw").former_authors is None
    for layout in ("split", "merged"):
        world.register(raw={"format": "yolo_v8", "layout": layout})
        world.request_run(PROJECT)
        world.run_pending()
        assert world.manifest("raw").former_authors == "keep"
    with pytest.raises(InvalidConfiguration, match=rf"kili-export purge {PROJECT} raw"):
        declare(world, raw=of("kili", "omit"))
    declare(world, raw=of("kili", "keep"))
    world.register(raw=of("kili", "keep"))
    world.request_run(PROJECT)
    world.run_pending()
    assert world.manifest("raw").former_authors is None


def test_a_snapshot_of_before_counts() -> None:
    world = published(raw=of("kili", "keep"))
    take_snapshot(world.objects, PROJECT, "raw", "before")
    world.register(raw=of("kili", "omit"))
    world.request_run(PROJECT)
    world.run_pending()
    assert world.manifest("raw").options.authors == "omit"
    with pytest.raises(InvalidConfiguration, match="snapshots"):
        declare(world, raw=of("kili", "omit"))


def test_formats_that_never_name_authors_may_be_declared_as_one_likes() -> None:
    world = published(yolo="yolo_v8")
    declare(world, yolo=of("yolo_v8", "omit"), raw=of("kili", "pseudonymous"))


@pytest.mark.parametrize("hiding", ["pseudonymous", "omit"])
@pytest.mark.parametrize("naming", ["kili", "raw", "jsonl"])
def test_exports_that_name_authors_beside_those_that_hide_them_are_refused(
    hiding: str, naming: str
) -> None:
    world = published(yolo="yolo_v8")
    exports: dict[str, Any] = {"hidden": of("kili", hiding), "open": of(naming, "keep")}
    with pytest.raises(InvalidConfiguration, match=r"hidden hide authors, and open .*--yes"):
        declare(world, **exports)
    declare(world, mixed=True, **exports)


def test_the_command_heeds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is registered, nor is Kili asked."""
    world = published(raw="kili")
    services = SimpleNamespace(
        copies=None, objects=world.objects, kili_for=lambda _: None, random=None
    )
    monkeypatch.setattr(command, "connect", lambda _: None)
    monkeypatch.setattr(command, "StackServices", SimpleNamespace(of=lambda _: services))
    declared = tmp_path / "exports.yaml"
    declared.write_text("exports: [{name: raw, format: kili, authors: omit}]")
    given = {"project_id": PROJECT, "file": str(declared), "export": None, "key_secret": None}
    with pytest.raises(InvalidConfiguration, match="kili-export purge"):
        command.register(Namespace(**given, yes=True, json=False))


def test_an_export_that_ended_and_names_authors_counts_too() -> None:
    world = published(former="kili")
    with pytest.raises(InvalidConfiguration, match="and former of the same project"):
        declare(world, hidden=of("kili", "omit"))
    declare(world, mixed=True, hidden=of("kili", "omit"))
