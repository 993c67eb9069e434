"""What Kili may answer becomes what a stored document holds, or is refused."""

from typing import Any

import orjson
import pytest

from kili_export.core.errors import IntegrityError
from kili_export.core.storable import is_storable, storable
from tests.support.hostile import nested


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("é \U0001f600", "é \U0001f600"),
        ("half \ud83d", "half ?"),
        ({"\udc00": ["\ud800x", {"a": "\ud800"}]}, {"?": ["?x", {"a": "?"}]}),
        ([2**63 - 1, -(2**63), 2**63, -(2**63) - 1], [2**63 - 1, -(2**63), None, None]),
        ([float("nan"), float("inf"), 0.5, True, None], [None, None, 0.5, True, None]),
    ],
)
def test_a_value_is_stored_as_it_is_or_as_near_as_can_be(value: Any, stored: Any) -> None:
    assert storable(value) == stored
    assert orjson.loads(orjson.dumps(storable(value))) == stored


def test_too_many_levels_are_refused_and_fewer_are_not() -> None:
    assert storable(nested(100)) == nested(100)
    with pytest.raises(IntegrityError, match="nested too deeply"):
        storable(nested(101))


def test_half_a_surrogate_pair_has_no_encoding() -> None:
    assert is_storable("\U0001f600")
    assert not is_storable("x\ud83d")
