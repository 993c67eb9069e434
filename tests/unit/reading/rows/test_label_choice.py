"""Choices among labels: the newest of an asset, of an annotator, of a reviewer."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kili_export.reading.rows.label_choice import LabelChoice, LabelMarks, chosen_labels

FIRST = LabelMarks("l1", "a1", "ann", "DEFAULT", "2026-01-01T00:00:00.000Z", False)


def _label(name: str, created_at: str, **more: object) -> LabelMarks:
    changed: LabelMarks = replace(FIRST, label_id=name, created_at=created_at, **more)  # type: ignore[arg-type]
    return changed


LABELS = [
    FIRST,
    _label("l2", "2026-01-03T00:00:00Z"),
    _label("l3", "2026-01-02T00:00:00.000Z", author="bob"),
    _label("l4", "2026-01-04T00:00:00.000Z", label_type="REVIEW", is_latest_review=True),
    _label("l5", "2026-01-05T00:00:00.000Z", label_type="AUTOSAVE"),
    _label("l6", "2026-01-01T00:00:00.000Z", asset_id="a2"),
    _label("l7", "2026-01-01T00:00:00.000Z", asset_id="a2"),
]


def test_all_labels_stay_without_a_choice() -> None:
    assert len(chosen_labels(LabelChoice.ALL, LABELS)) == len(LABELS)


def test_the_newest_of_each_asset_is_no_draft() -> None:
    assert chosen_labels(LabelChoice.LATEST_PER_ASSET, LABELS) == ["l4", "l6"]


def test_the_newest_of_each_annotator_is_a_submitted_one() -> None:
    assert chosen_labels(LabelChoice.LATEST_PER_ANNOTATOR, LABELS) == ["l2", "l3", "l6"]


def test_the_latest_reviews_are_those_that_kili_marks() -> None:
    assert chosen_labels(LabelChoice.LATEST_REVIEW_PER_USER, LABELS) == ["l4"]


def test_moments_are_compared_and_not_their_notations() -> None:
    same_day = [
        _label("early", "2026-01-01T09:00:00.000+02:00"),
        _label("late", "2026-01-01T08:00:00.500Z"),
    ]
    assert chosen_labels(LabelChoice.LATEST_PER_ASSET, same_day) == ["late"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a1", "a2"]),
            st.sampled_from(["ann", "bob"]),
            st.sampled_from(["DEFAULT", "REVIEW", "AUTOSAVE"]),
            st.integers(1, 9),
        ),
        max_size=12,
    )
)
def test_there_is_one_for_each_annotator_and_asset_and_none_is_newer(
    rows: list[tuple[str, str, str, int]],
) -> None:
    labels = [
        LabelMarks(f"l{number}", asset, author, kind, f"2026-01-0{day}T00:00:00Z", False)
        for number, (asset, author, kind, day) in enumerate(rows)
    ]
    kept = set(chosen_labels(LabelChoice.LATEST_PER_ANNOTATOR, labels))

    submitted = [label for label in labels if label.label_type == "DEFAULT"]
    chosen = {(one.asset_id, one.author): one for one in submitted if one.label_id in kept}
    assert len(kept) == len(chosen) == len({(one.asset_id, one.author) for one in submitted})
    for one in submitted:
        assert one.created_at <= chosen[one.asset_id, one.author].created_at
