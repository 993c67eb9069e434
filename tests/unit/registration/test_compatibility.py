"""The options `compatibility` and `split`: what is taken, what is refused, what it rebuilds."""

from typing import Any

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.export_options import Compatibility, ExportOptions, OptionsDocument, Split
from kili_export.formats.registry import FORMATS
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
# What exports were published with before: if it changed, deploying would make all of them again.
COCO_DIGEST = "f7944d1a49e62b8d8f972c5a91544bc454427787b6e2dfc89d378ee561caad43"


def _declared(**export: Any) -> dict[str, Any]:
    return {
        "project_id": "P",
        "exports": [{"format": "yolo_v8", "compatibility": "corrected", **export}],
    }


def _options(**export: Any) -> ExportOptions:
    return parse_registration(_declared(**export), FORMATS).exports[0].to_options()


def test_exports_are_the_sdks_unless_declared_otherwise() -> None:
    options = parse_registration({"project_id": "P", "exports": [{"format": "coco"}]}).exports[0]

    assert options.compatibility is Compatibility.SDK
    assert options.split is None


def test_a_split_is_read_with_what_is_left_out_as_nothing() -> None:
    assert _options(split={**SHARES, "group_by": "site"}).split == Split(0.8, 0.1, 0.1, "site")
    assert _options(split={"train": 1}).split == Split(1.0)
    assert _options(split=None).split is None


def test_options_survive_being_stored() -> None:
    registration = parse_registration(_declared(split={**SHARES, "group_by": "site"}), FORMATS)
    options = registration.exports[0].to_options()

    assert ProjectRegistration.from_bytes(registration.to_bytes()) == registration
    stored = OptionsDocument.of(options).to_bytes()
    assert OptionsDocument.from_bytes(stored).to_options() == options


def test_a_share_is_the_same_however_it_is_written() -> None:
    assert _options(split={"train": 1}).digest() == _options(split={"train": 1.0}).digest()


def test_what_was_stored_before_the_options_existed_is_read_and_not_made_again() -> None:
    stored = OptionsDocument.of(ExportOptions("coco")).model_dump(mode="json")
    del stored["compatibility"], stored["split"]

    assert OptionsDocument.model_validate(stored).to_options() == ExportOptions("coco")
    assert ExportOptions("coco").digest() == COCO_DIGEST


def test_each_of_the_options_makes_another_dataset() -> None:
    digests = {
        ExportOptions("yolo_v8").digest(),
        _options().digest(),
        _options(split=SHARES).digest(),
        _options(split={**SHARES, "group_by": "site"}).digest(),
        _options(split={"train": 0.8, "val": 0.2}).digest(),
    }

    assert len(digests) == 5


@pytest.mark.parametrize(
    ("export", "says"),
    [
        ({"compatibility": "fixed"}, "compatibility: must be one of 'sdk' or 'corrected'"),
        (
            {"compatibility": "sdk", "split": SHARES},
            "the SDK's datasets have no subsets; set compatibility to corrected, or leave split",
        ),
        ({"format": "coco", "split": SHARES}, "coco has no subsets; leave split out, or use yolo"),
        (
            {"split": {"train": 0.8, "val": 0.1}},
            "train, val and test add up to 0.9; they must add up to 1, such as 0.8, 0.1 and 0.1",
        ),
        ({"split": {"train": 0, "val": 1}}, "train must not be 0"),
        ({"split": {"val": 1}}, "split.train: is missing"),
        ({"split": {"train": 1.5, "val": -0.5}}, "split.val: must not be less than 0"),
        ({"split": {"train": "0.8"}}, "must be a number"),
        ({"split": {"train": True}}, "must be a number"),
        ({"split": {"train": float("nan")}}, "must be a number"),
        ({"split": {"train": 1, "group_by": ""}}, "split.group_by: must not be empty"),
        ({"split": {"train": 1, "group_by": 7}}, "split.group_by: must be a text"),
        ({"split": {"train": 1, "valid": 0}}, "'valid' is not an option; did you mean 'val'?"),
        ({"split": 0.8}, "split: must be an object"),
    ],
    ids=range(14),
)
def test_a_combination_that_cannot_work_is_refused_with_the_way_out(
    export: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        parse_registration(_declared(**export), FORMATS)

    assert says in str(refused.value)
