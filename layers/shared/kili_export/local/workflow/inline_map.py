"""The Map state in its inline mode: the iterations belong to the execution itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

from kili_export.local.workflow.errors import StateFailed
from kili_export.local.workflow.limits import INLINE_MAP_CONCURRENCY, check_size
from kili_export.local.workflow.parallel import run_all
from kili_export.local.workflow.runtime import Activity, Scope
from kili_export.local.workflow.states import Step

RunBlock = Callable[[Any, Activity, Any], Any]


def item_context(step: Step, index: int, item: Any) -> dict[str, Any]:
    """The Context object as an ItemSelector and an iteration see it."""
    return {**step.activity.context, "Map": {"Item": {"Index": index, "Value": item}}}


def select_item(step: Step, index: int, item: Any) -> Any:
    """What an iteration is given for an item."""
    selector = step.state.get("ItemSelector")
    if selector is None:
        return item
    context = {**step.context(), **item_context(step, index, item)}
    return step.evaluate(selector, context=context)


def perform_inline_map(step: Step, run_block: RunBlock) -> list[Any]:
    """The outputs of all iterations, in the order of the items.

    The first iteration that fails stops the others and is the failure of the map.
    """
    items = step.evaluate(step.state["Items"])
    if not isinstance(items, list):
        raise StateFailed("States.QueryEvaluationError", f"Items of {step.name} is no array.")
    concurrency = int(step.number("MaxConcurrency", 0)) or INLINE_MAP_CONCURRENCY
    inputs = [select_item(step, index, item) for index, item in enumerate(items)]
    interrupt = step.activity.interrupt.part()

    def iterate(index: int) -> Any:
        activity = step.activity.inside(
            index,
            context=item_context(step, index, items[index]),
            interrupt=interrupt,
            scope=Scope(step.activity.scope),
        )
        return run_block(step.state["ItemProcessor"], activity, inputs[index])

    iterations = [partial(iterate, index) for index in range(len(items))]
    results = run_all(iterations, min(concurrency, INLINE_MAP_CONCURRENCY), interrupt)
    check_size(results, f"The result of {step.name}")
    return results
