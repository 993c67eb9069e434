"""Numbers of objects are added and taken out, and never guessed."""

from typing import Any

from kili_export.archives.ledger.asset_ledger import (
    AssetRecord,
    record_from_bytes,
    record_to_bytes,
)
from kili_export.archives.statistics import (
    ClassStatistics,
    Statistics,
    StatisticsTally,
    differences,
    reversed_differences,
)
from kili_export.core.object_counts import AssetObjects, ObjectCount

CAR = ObjectCount("BOXES", "CAR", 3, 1, 1, 0)
BUS = ObjectCount("BOXES", "BUS", 1, 0, 0, 1)


def record(*classes: ObjectCount, subset: str | None = None, **more: Any) -> AssetRecord:
    objects = AssetObjects(subset, classes)
    return AssetRecord("id", "order", "name", "f", exported=True, **{"objects": objects, **more})


def tallied(*records: AssetRecord) -> StatisticsTally:
    tally = StatisticsTally()
    for one in records:
        tally.add(one)
    return tally


def test_classes_are_summed_by_subset_and_sorted() -> None:
    found = tallied(
        record(CAR, BUS, subset="train"), record(CAR, subset="val"), record(CAR)
    ).result()
    assert found is not None
    rows = [(one.key, one.subset, one.objects, one.assets) for one in found.classes]
    assert rows == [
        ("BUS", "train", 1, 1),
        ("CAR", None, 3, 1),
        ("CAR", "train", 3, 1),
        ("CAR", "val", 3, 1),
    ]
    assert found.subsets == {"train": 1, "val": 1}


def test_what_goes_leaves_nothing_behind() -> None:
    stays, goes = record(BUS), record(CAR, subset="val")
    before = tallied(stays, goes).result()
    tally = StatisticsTally.of(before)
    tally.add(goes, -1)
    assert tally.result() == tallied(stays).result()


def test_an_asset_that_nobody_counted_makes_the_numbers_unknown() -> None:
    assert tallied(record(CAR), record(objects=None)).result() is None
    assert StatisticsTally.of(None).result() is None
    nothing = AssetRecord("id", "order", "name", "f", exported=False)
    assert tallied(record(CAR), nothing).result() is not None


def test_differences_lead_there_and_back() -> None:
    before, after = tallied(record(CAR, BUS)).result(), tallied(record(CAR), record(CAR)).result()
    rows = differences(before, after)
    assert rows is not None
    assert [(one.key, one.objects, one.assets, one.small) for one in rows] == [
        ("BUS", -1, -1, 0),
        ("CAR", 3, 1, 1),
    ]
    assert reversed_differences(rows) == differences(after, before)
    assert differences(before, before) == ()
    assert differences(None, after) is None


def test_a_record_keeps_its_counts_and_a_former_one_has_none() -> None:
    for one in (record(CAR, BUS, subset="test"), record(), record(objects=None)):
        assert record_from_bytes(record_to_bytes(one)) == one
    assert b"objects" not in record_to_bytes(record(objects=None))


def test_a_document_leaves_out_what_says_nothing() -> None:
    row = ClassStatistics(job="J", key="K", objects=2, assets=1)
    assert Statistics(classes=(row,)).model_dump(mode="json") == {
        "classes": [{"job": "J", "key": "K", "objects": 2, "assets": 1}]
    }
