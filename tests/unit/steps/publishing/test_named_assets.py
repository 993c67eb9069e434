"""Exports of assets that are named by their external ids, whatever of them there is."""

from kili_export.core.export_options import ExportOptions, Layout
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

NAMED = ExportOptions("kili", Layout.MERGED, external_ids=("a.jpg", "later.jpg"))


def bench() -> Workbench:
    made = Workbench(project({"CARS": job(["BIG"])}), {"named": NAMED})
    put(made, 1, "a.jpg")
    put(made, 2, "other.jpg")
    return made


def put(to: Workbench, number: int, name: str) -> None:
    to.kili.assets[f"as_{number}"] = fetched(
        asset(number, name, label(answers(CARS=[box("BIG", 0.1, 0.1, 0.4, 0.5)])))
    )


def labels_of(from_: Workbench) -> set[str]:
    return {path for path in from_.files("named") if path.startswith("labels/")}


def test_an_asset_that_was_named_before_it_came_is_exported() -> None:
    made = bench()
    made.rebuild()
    assert labels_of(made) == {"labels/a.jpg.json"}
    put(made, 3, "later.jpg")
    made.run(["as_3"])
    assert labels_of(made) == {"labels/a.jpg.json", "labels/later.jpg.json"}


def test_all_assets_of_a_name_are_exported() -> None:
    made = bench()
    put(made, 2, "a.jpg")
    made.rebuild()
    assert made.manifest("named").counts.exported == 2


def test_an_asset_that_was_renamed_is_not_what_was_named_any_more() -> None:
    made = bench()
    made.rebuild()
    put(made, 1, "renamed.jpg")
    put(made, 2, "later.jpg")
    made.run(["as_1", "as_2"])
    assert labels_of(made) == {"labels/later.jpg.json"}
