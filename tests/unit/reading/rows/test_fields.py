"""Fields by their paths: checked before Kili is asked."""

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.row_queries import page_size, written
from kili_export.reading.rows.field_selection import ASSET, LABEL, select_fields


def test_paths_become_one_selection() -> None:
    paths = ["externalId", "labels.author.email", "labels.id", "labels.author.id", "externalId"]

    assert written(select_fields(ASSET, paths)) == "externalId labels { id author { email id } }"


def test_contents_are_asked_for_with_their_addresses_and_ids() -> None:
    fields = select_fields(ASSET, ["latestLabel.jsonResponse", "jsonContent"])

    assert written(fields) == "jsonContent id latestLabel { jsonResponse id jsonResponseUrl }"


@pytest.mark.parametrize(
    ("kind", "paths", "message"),
    [
        (ASSET, ["extrenalId"], "did you mean 'externalId'"),
        (
            ASSET,
            ["labels.autor.email"],
            "Field 'labels.autor.email': labels have no 'autor'; did you mean 'author'",
        ),
        (ASSET, ["zzz"], "known are id, externalId"),
        (ASSET, ["labels"], "name what is wanted of it: labels.id"),
        (ASSET, ["labels.author"], "labels.author.id, labels.author.email"),
        (ASSET, ["resolution"], "resolution.width, resolution.height"),
        (LABEL, ["id.x"], "Field 'id.x': id has no fields"),
        (LABEL, ["author."], "name what is wanted of it"),
        (LABEL, ["jsonResponse.JOB"], "jsonResponse has no fields"),
        (LABEL, [""], "labels have no ''"),
        (LABEL, [], "Name at least one field"),
        (LABEL, ["id } mutation {"], "known are id"),
    ],
)
def test_a_wrong_path_is_refused_with_the_way_out(
    kind: str, paths: list[str], message: str
) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        select_fields(kind, paths)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "paths", "input_type", "size"),
    [
        (ASSET, ["id"], "VIDEO", 100),
        (ASSET, ["labels.id"], "IMAGE", 50),
        (ASSET, ["latestLabel.jsonResponse"], "IMAGE", 50),
        (ASSET, ["latestLabel.jsonResponse"], "VIDEO", 10),
        (LABEL, ["jsonResponse"], "VIDEO", 20),
        (LABEL, ["jsonResponse"], "TEXT", 50),
        (LABEL, ["author.id"], "TEXT", 100),
    ],
)
def test_as_many_are_asked_for_at_once_as_kilis_own_client_asks(
    kind: str, paths: list[str], input_type: str, size: int
) -> None:
    assert page_size(select_fields(kind, paths), input_type) == size
