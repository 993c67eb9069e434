"""Full exports of more assets than an invocation has time for."""

from dataclasses import dataclass

import pytest

from kili_export.core.errors import OutlastsInvocation
from kili_export.runs.messages import AggregateRequest
from kili_export.steps.publishing.full_export import deadline as computing_time
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import bench_of, put

ASSETS = 8
BATCHES = 3


@dataclass
class Patience:
    """Time that is up when it was asked so many times."""

    times: int

    def is_up(self) -> bool:
        self.times -= 1
        return self.times < 0


def prepared() -> tuple[Workbench, AggregateRequest]:
    bench = bench_of("yolo")
    for number in range(ASSETS):
        put(bench, number, f"{number}.jpg")
    assets = sorted(bench.kili.assets)
    plan = bench.plan(assets, "rebuild")
    return bench, bench.request(plan, "yolo", bench.convert_all(plan, assets))


@pytest.mark.parametrize("times", range(BATCHES + ASSETS + 1))
def test_it_is_said_with_its_name_and_a_way_out_wherever_time_is_up(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(computing_time, "_EVERY", 1)
    bench, request = prepared()
    with pytest.raises(OutlastsInvocation, match=r"full export yolo .* declare several exports"):
        bench.aggregate(request, Patience(times))
    assert [stored.key for stored in bench.objects.list("exports/")] == []


def test_it_is_published_when_there_is_time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing_time, "_EVERY", 1)
    bench, request = prepared()
    answer = bench.aggregate(request, Patience(BATCHES + ASSETS + 1))
    assert answer.status == "committed"


def test_small_exports_are_never_given_up() -> None:
    bench, request = prepared()
    assert bench.aggregate(request, Patience(0)).status == "committed"
