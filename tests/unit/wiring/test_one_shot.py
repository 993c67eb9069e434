"""Batches of an export in one process: in their order, and few at once."""

import threading
from collections.abc import Iterator

import pytest

from kili_export.runs.messages import BatchInput, ConvertRequest, WorkItem
from kili_export.wiring.one_shot import in_order

WORKERS = 3


def requests(count: int, taken: list[int]) -> Iterator[ConvertRequest]:
    for number in range(count):
        taken.append(number)
        yield ConvertRequest(
            batch=BatchInput(project_id="p", run_id="r", plan_key="k"),
            items=(WorkItem(asset_id=str(number)),),
        )


def name_of(request: ConvertRequest) -> str:
    return request.items[0].asset_id


def test_results_come_in_order_and_few_requests_are_held() -> None:
    taken: list[int] = []
    results = in_order(name_of, requests(100, taken), WORKERS)
    for number, result in enumerate(results):
        assert result == str(number)
        assert len(taken) <= number + 2 * WORKERS
    assert len(taken) == 100


def test_so_many_are_worked_on_at_once() -> None:
    together = threading.Barrier(WORKERS, timeout=30)

    def meet(request: ConvertRequest) -> str:
        together.wait()
        return name_of(request)

    results = list(in_order(meet, requests(WORKERS * 4, []), WORKERS))
    assert results == [str(number) for number in range(WORKERS * 4)]


def test_after_a_failure_no_other_batch_is_begun() -> None:
    taken: list[int] = []

    def fail(request: ConvertRequest) -> str:
        if name_of(request) == "2":
            raise ValueError("broken")
        return name_of(request)

    results = in_order(fail, requests(100, taken), 1)
    assert [next(results), next(results)] == ["0", "1"]
    with pytest.raises(ValueError, match="broken"):
        next(results)
    assert len(taken) <= 5
