"""Which subset an asset is in: told by its own id or group, for ever."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.asset import SelectedAsset
from kili_export.core.export_options import Split
from kili_export.formats.corrected.subsets import Subset, subset_of

SHARES = Split(0.8, 0.1, 0.1)
SUBSETS_OF_CL0_TO_CL11 = [
    "train",
    "train",
    "train",
    "train",
    "train",
    "val",
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
]


def _asset(asset_id: str, **metadata: Any) -> SelectedAsset:
    return SelectedAsset(
        asset_id=asset_id,
        external_id="x",
        order_key="",
        fields={"jsonMetadata": metadata},
        labels=({},),
    )


def test_without_a_split_everything_is_trained_with() -> None:
    assert subset_of(_asset("a"), None) is Subset.TRAIN


def test_the_subset_of_an_id_is_what_it_was_in_former_releases() -> None:
    found = [subset_of(_asset(f"cl{number}"), SHARES).value for number in range(12)]

    assert found == SUBSETS_OF_CL0_TO_CL11


def test_shares_hold_for_many() -> None:
    counted = Counter(subset_of(_asset(f"cl{number}"), SHARES) for number in range(4000))

    assert counted[Subset.TRAIN] == pytest.approx(3200, abs=100)
    assert counted[Subset.VAL] == pytest.approx(400, abs=80)
    assert counted[Subset.TEST] == pytest.approx(400, abs=80)


@pytest.mark.parametrize(
    ("shares", "subset"),
    [
        (Split(1.0), Subset.TRAIN),
        (Split(1e-12, 1.0, 0.0), Subset.VAL),
        (Split(1e-12, 0.0, 1.0), Subset.TEST),
    ],
)
def test_a_share_of_nothing_gets_nothing(shares: Split, subset: Subset) -> None:
    assert {subset_of(_asset(str(number)), shares) for number in range(300)} == {subset}


@given(st.text(min_size=1), st.sampled_from([0.05, 0.1, 0.2]), st.sampled_from([0.05, 0.1, 0.2]))
def test_larger_shares_take_from_train_alone(asset_id: str, val: float, test: float) -> None:
    before = subset_of(_asset(asset_id), Split(1 - val - test, val, test))
    after = subset_of(_asset(asset_id), Split(0.4, 0.3, 0.3))

    assert before is Subset.TRAIN or after is before


@given(st.lists(st.text(min_size=1), min_size=2, unique=True), st.text())
def test_a_group_stays_together(asset_ids: list[str], site: str) -> None:
    grouped = Split(0.4, 0.3, 0.3, "site")

    assert len({subset_of(_asset(one, site=site), grouped) for one in asset_ids}) == 1


def test_an_asset_without_the_key_is_a_group_of_its_own() -> None:
    grouped = Split(0.4, 0.3, 0.3, "site")
    ids = [f"cl{number}" for number in range(50)]

    alone = [subset_of(_asset(one), grouped) for one in ids]
    assert alone == [subset_of(_asset(one), Split(0.4, 0.3, 0.3)) for one in ids]
    assert alone == [subset_of(_asset(one, site=None), grouped) for one in ids]
    assert len(set(alone)) == 3
