"""Files that differ on purpose are read without what differs, and with all the rest."""

import json

import pytest

from devtools.parity import readings


@pytest.mark.parametrize(
    ("reading", "ours", "theirs"),
    [
        (readings.without_asset_level, {"a": [{"assetLevel": 1, "b": 2}]}, {"a": [{"b": 2}]}),
        (readings.without_nulls_in_lists, {"a": [None, 1], "b": None}, {"a": [1], "b": None}),
        (
            readings.without_pixels,
            {"pageNumberArray": [1], "polys": [{"x": 1}, {}], "boundingPoly": [{}, {}]},
            {"pageNumberArray": [1], "polys": [{"x": 1, "vertices": [2]}], "boundingPoly": [{}]},
        ),
        (readings.without_json_content, {"a": 1, "jsonContent": "x"}, {"a": 1}),
    ],
)
def test_what_differs_on_purpose_is_left_out(
    reading: readings.Reading, ours: object, theirs: object
) -> None:
    mine, other = json.dumps(ours).encode(), json.dumps(theirs).encode()
    assert reading(mine) == reading(other)
    assert json.loads(reading(other)) != {}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (b'names: ["it\'s", "line\\nbreak"]\n', b"names: ['it's', 'line\nbreak']\n"),
        (b'names:\n  0: "B: #x"\n', b"names:\n  0: B: #x\n"),
        (b'0 "NO"\n', b"0 NO\n"),
    ],
)
def test_names_of_classes_are_read_without_our_quotes(ours: bytes, theirs: bytes) -> None:
    assert (
        readings.quoted_as_the_sdk_does(ours) == readings.quoted_as_the_sdk_does(theirs) == theirs
    )


def test_external_ids_are_told_as_the_safe_project_calls_them() -> None:
    told = readings.renamed(
        {
            "a.json": b'{"externalId": "../up.jpg", "note": "../up.jpg"}',
            "b.csv": b"name,url\n../up.jpg,http://x,up.txt\n",
        }
    )
    assert told == {
        "a.json": b'{"externalId": "up.jpg", "note": "../up.jpg"}',
        "b.csv": b"name,url\nup.jpg,http://x,up.txt\n",
    }
