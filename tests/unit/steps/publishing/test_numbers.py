"""COCO's numbers stay with what they were given to, whatever comes and goes beside it."""

import json
from dataclasses import replace

import pytest

from kili_export.core.export_options import ExportOptions, ExportType, Layout
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

ALL = ExportOptions("coco", Layout.MERGED, export_type=ExportType.LATEST_FROM_LAST_STEP)
LATEST = ExportOptions("coco", Layout.MERGED)
Numbers = dict[int, list[tuple[int, int]]]
"""By the number of an image, the left borders of its annotations with their numbers."""


def drawn(*lefts: float, by: str = "u1", mids: bool = True, **more: object) -> Json:
    boxes = [
        {**box("CAR", left, 0.0, 0.9, 0.5), "mid": f"m{left}" if mids else None} for left in lefts
    ]
    author = {"id": by, "email": f"{by}@b.c", "firstname": "A", "lastname": "B"}
    return label(answers(CARS=boxes), author=author, **more)


def bench_of(options: ExportOptions = ALL) -> Workbench:
    return Workbench(project({"CARS": job(["CAR"])}), {"coco": options})


def put(bench: Workbench, number: int, *labels: Json) -> str:
    found = fetched(asset(number, f"{number}.jpg", *labels))
    bench.kili.assets[found.asset_id] = replace(found, fingerprint=repr(labels))
    return found.asset_id


def numbers(bench: Workbench) -> Numbers:
    document = json.loads(bench.files("coco")["labels.json"])
    found: Numbers = {image["id"]: [] for image in document["images"]}
    for one in document["annotations"]:
        found[one["image_id"]].append((round(one["bbox"][0]), one["id"]))
    return found


def following(bench: Workbench, *labels: Json) -> Numbers:
    bench.run([put(bench, 1, *labels)])
    return numbers(bench)


@pytest.mark.parametrize("options", [ALL, LATEST])
def test_39_numbers_stay_when_assets_come_and_go(options: ExportOptions) -> None:
    bench = bench_of(options)
    for number in (1, 2, 3):
        put(bench, number, drawn(number / 10))
    bench.rebuild()
    whole = numbers(bench)
    assert len(whole) == 3

    del bench.kili.assets["as_1"]
    bench.run(["as_1"], confirmed_removals=1)
    put(bench, 0, drawn(0.5))
    bench.run(["as_0"])
    bench.rebuild()

    found = numbers(bench)
    assert {number: found[number] for number in found.keys() & whole.keys()} == dict(
        list(whole.items())[1:]
    )
    (new,) = found.keys() - whole.keys()
    assert new > max(whole)


def test_a_label_keeps_its_numbers_when_another_one_of_its_picture_goes() -> None:
    first, second = drawn(0.1, 0.2, id="la_1"), drawn(0.1, 0.3, id="la_2")
    bench = bench_of()
    put(bench, 1, first, second)
    bench.rebuild()
    both = numbers(bench)
    of_first, of_second = both.items()

    assert dict([of_second]) == following(bench, second)
    assert both == following(bench, first, second)
    assert dict([of_first]) == following(bench, first)
    third = drawn(0.1, by="u3", id="la_3")
    assert dict([of_second]).items() <= following(bench, third, second).items()


def test_a_review_goes_on_with_the_numbers_of_what_it_reviews() -> None:
    bench = bench_of()
    put(bench, 1, drawn(0.1, 0.2, id="la_1"))
    bench.rebuild()
    before = numbers(bench)

    assert following(bench, drawn(0.1, 0.2, by="u2", id="la_2")) == before
    both = following(bench, drawn(0.1, id="la_3"), drawn(0.1, 0.2, by="u2", id="la_2"))
    assert before.items() <= both.items()


def test_an_author_who_corrects_one_label_of_two_keeps_its_numbers() -> None:
    other = drawn(0.4, by="u2", id="la_2")
    bench = bench_of()
    put(bench, 1, drawn(0.1, id="la_1"), other)
    bench.rebuild()

    before = numbers(bench)
    assert following(bench, other, drawn(0.1, id="la_3")) == before


@pytest.mark.parametrize("options", [ALL, LATEST])
def test_annotations_without_a_mid_are_known_by_what_they_say(options: ExportOptions) -> None:
    bench = bench_of(options)
    put(bench, 1, drawn(0.1, 0.2, 0.2, 0.3, mids=False))
    bench.rebuild()
    ((image, before),) = numbers(bench).items()

    ((_, after),) = following(bench, drawn(0.2, 0.3, mids=False)).items()

    assert after == [before[1], before[3]]
    assert list(following(bench, drawn(0.4, mids=False))) == [image]
    assert numbers(bench)[image][0][1] > before[3][1]
