"""What is counted of labels that hold anything."""

from typing import Any

import pytest

from kili_export.core.asset import SelectedAsset
from kili_export.core.object_counts import ObjectCount
from kili_export.formats.common.object_counts import count_objects, counted_classes
from tests.support.kili_samples import answers, box, job, project, ring, shape

PROJECT = project({"BOXES": job(["CAR", "BUS"])})
HUGE = 10**400


def counted(*annotations: Any) -> tuple[ObjectCount, ...]:
    label = {"id": "l", "jsonResponse": answers(BOXES=list(annotations))}
    asset = SelectedAsset("id", "name", "order", {}, (label,))
    return count_objects(asset, PROJECT, counted_classes(PROJECT, {"BOXES"}))


@pytest.mark.parametrize(
    "corner",
    [HUGE, -HUGE, "0.5", None, [], {}, True, float("nan"), float("inf")],
    ids=lambda corner: repr(corner)[:8],
)
def test_whatever_a_vertex_holds_the_object_counts_and_stops_nothing(corner: Any) -> None:
    odd = shape("rectangle", "CAR", ring((corner, 0.1), (0.2, corner), (0.3, 0.4)))
    [found] = counted(odd, box("CAR", 0.1, 0.1, 0.15, 0.15))
    assert (found.category, found.objects) == ("CAR", 2)
    assert found.small >= 1


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"categories": [{}]}, {"categories": 3}])
def test_what_has_no_class_is_no_object(odd: Any) -> None:
    assert counted(odd) == ()
    assert counted(shape("rectangle", "UNKNOWN", ring((0, 0), (1, 1)))) == ()
