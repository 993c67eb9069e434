"""Authors in archives: as Kili has them, under pseudonyms, or not at all."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kili_export.core.bucket_layout import pseudonyms_key
from kili_export.core.errors import IntegrityError
from kili_export.core.export_options import Authors, ExportOptions, Layout
from kili_export.formats.common.label_selection import select_labels
from kili_export.registration.pseudonym_key import key_of_export
from kili_export.steps.conversion.author_pseudonyms import with_authors
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.protocol_world import PROJECT, World
from tests.support.workbench import Workbench

PRIVATE = ("a@b.c", "Ada", "Löwe", "\\u00f6", '"u1"')
PSEUDONYMOUS = {"format": "kili", "authors": "pseudonymous"}
KEY = "5a" * 32


def exported(**exports: str | dict[str, Any]) -> World:
    world = World(exports=exports)
    world.publish_everything()
    return world


def archive_text(world: World, export: str) -> str:
    return "".join(
        world.files(export)[name].decode() for name in world.files(export) if "labels/" in name
    )


def authors_in(world: World, export: str) -> list[Any]:
    return [
        json.loads(data)["latestLabel"].get("author")
        for name, data in sorted(world.files(export).items())
        if name.startswith("labels/")
    ]


def test_authors_are_kept_unless_something_else_is_declared() -> None:
    world = exported(raw="kili")
    assert {author["email"] for author in authors_in(world, "raw")} == {"a@b.c"}
    assert pseudonyms_key(PROJECT) not in world.objects.stored


def test_a_pseudonym_is_one_per_author_and_tells_nothing_of_him() -> None:
    world = exported(raw=PSEUDONYMOUS)
    first, *others = authors_in(world, "raw")
    assert all(author == first for author in others)
    assert first.keys() == {"email", "firstname", "id", "lastname", "name"}
    assert first["email"].endswith("@authors.invalid")
    for private in PRIVATE:
        assert private not in archive_text(world, "raw")


def test_exports_have_pseudonyms_of_their_own() -> None:
    world = exported(one=PSEUDONYMOUS, two=PSEUDONYMOUS)
    assert authors_in(world, "one")[0]["id"] != authors_in(world, "two")[0]["id"]


def test_a_later_change_writes_the_same_pseudonyms_as_a_full_export() -> None:
    world = exported(raw=PSEUDONYMOUS)
    world.submit("as_001", "again", 0.3)
    world.run_pending()
    after_change = world.files("raw")
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.files("raw") == after_change


def test_authors_can_be_left_out() -> None:
    world = exported(raw={"format": "kili", "authors": "omit"})
    assert authors_in(world, "raw") == [None] * 4
    for private in PRIVATE:
        assert private not in archive_text(world, "raw")


def test_another_choice_makes_the_export_again() -> None:
    world = exported(raw="kili")
    world.register(raw={"format": "kili", "authors": "omit"})
    world.request_run(PROJECT)
    world.run_pending()
    assert authors_in(world, "raw") == [None] * 4


def test_without_its_key_an_export_is_left_as_it_is_and_said_to_be() -> None:
    world = exported(raw=PSEUDONYMOUS)
    before = world.files("raw")
    world.objects.delete([pseudonyms_key(PROJECT)])
    world.submit("as_001", "again", 0.3)
    world.run_pending()
    assert world.files("raw") == before
    [told] = world.told("Export Failed")
    assert "register the project's exports again" in told["cause"]
    world.register(raw=PSEUDONYMOUS)
    world.request_run(PROJECT)
    world.run_pending()
    [again] = {author["id"] for author in authors_in(world, "raw")}
    assert again not in str(before)


def test_a_key_that_is_there_is_never_replaced() -> None:
    world = exported(raw=PSEUDONYMOUS)
    before = world.objects.stored[pseudonyms_key(PROJECT)]
    world.register(raw=PSEUDONYMOUS, more=PSEUDONYMOUS)
    assert world.objects.stored[pseudonyms_key(PROJECT)] == before


def test_readers_of_an_export_get_neither_the_key_nor_the_people_it_is_filtered_by() -> None:
    filters = {"label_author_in": ["ada@example.com"], "skipped": False}
    world = World(exports={"raw": {**PSEUDONYMOUS, "filters": filters}})
    world.kili.filtered = set(world.kili.assets)
    world.publish_everything()
    assert world.manifest("raw").options.filters == {
        "label_author_in": "1 not shown",
        "skipped": False,
    }
    key = json.loads(world.objects.stored[pseudonyms_key(PROJECT)][0])["key"]
    for place, (data, _) in world.objects.stored.items():
        if place.startswith("exports/"):
            assert b"ada@example.com" not in data
            assert key.encode() not in data
            assert key_of_export(key, "raw").encode() not in data


@pytest.mark.parametrize(("authors", "told"), [(Authors.KEEP, "a@b.c"), (Authors.OMIT, None)])
def test_geojson_tells_its_author_likewise(authors: Authors, told: str | None) -> None:
    options = ExportOptions("geojson", Layout.MERGED, authors=authors)
    drawn = label(answers(CARS=[box("BIG", 1.0, 1.0, 2.0, 2.0, mid="m")]))
    earth = project({"CARS": job(["BIG"])}, "GEOSPATIAL")
    bench = Workbench(earth, {"geo": options})
    bench.kili.assets = {"as_1": fetched(asset(1, "a.tif", drawn))}
    bench.rebuild()
    [found] = [data for name, data in bench.files("geo").items() if name.startswith("labels/")]
    assert json.loads(found)["properties"]["kili"]["author"] == told


@pytest.mark.parametrize("author", [None, {}, "x", {"id": None, "email": ""}])
def test_who_is_nobody_gets_no_pseudonym(author: Any) -> None:
    found = fetched(asset(1, "a.jpg", label({}, author=author)))
    selected = select_labels(found, ExportOptions("kili"), honours_sent_back=True)
    assert selected is not None
    [written] = with_authors(selected, Authors.PSEUDONYMOUS, KEY).labels
    assert "author" not in written
    assert with_authors(selected, Authors.KEEP, None) is selected


def test_a_name_that_is_no_text_breaks_nothing() -> None:
    found = fetched(asset(1, "a.jpg", label({}, author={"id": "\ud800"})))
    selected = select_labels(found, ExportOptions("kili"), honours_sent_back=True)
    assert selected is not None
    [written] = with_authors(selected, Authors.PSEUDONYMOUS, KEY).labels
    assert written["author"]["id"].startswith("author-")


def test_pseudonyms_are_never_made_without_a_key() -> None:
    found = fetched(asset(1, "a.jpg", label({})))
    selected = select_labels(found, ExportOptions("kili"), honours_sent_back=True)
    assert selected is not None
    with pytest.raises(IntegrityError, match="no key"):
        with_authors(selected, Authors.PSEUDONYMOUS, None)


def test_a_key_that_cannot_be_read_is_not_shown() -> None:
    world = exported(raw=PSEUDONYMOUS)
    world.objects.put(pseudonyms_key(PROJECT), b'{"key": "secret-but-spoiled"}')
    world.submit("as_001", "again", 0.3)
    with pytest.raises(IntegrityError, match="cannot be read") as caught:
        world.run_pending()
    assert "spoiled" not in str(caught.value)


def test_options_that_came_later_do_not_make_older_exports_again() -> None:
    options = ExportOptions("kili")
    assert options.digest() == replace(options, authors=Authors.KEEP).digest()
    assert options.digest() != replace(options, authors=Authors.OMIT).digest()
