"""Working files of runs go while they are needed: a lifecycle rule that is too short, or a person.

Nothing wrong is published, and in the end all is: what is missing is made again.
"""

import pytest

from kili_export.core.errors import ExportError
from tests.support.protocol_world import PROJECT, World, arn
from tests.unit.steps.planning.sliced import assert_all_is_published, run_slices, sliced

SUFFIXES = (
    "plan.json",
    "marks.jsonl",
    "work.jsonl",
    "results/manifest.json",
    "SUCCEEDED_0.jsonl",
    ".bin",
    "",
)


def expire(world: World, suffix: str) -> None:
    """Of all runs, this one and those before it."""
    keys = [key for key in world.objects.stored if key.startswith("runs/") and key.endswith(suffix)]
    assert keys
    world.objects.delete(keys)


def run_and_expire(world: World, name: str, suffix: str, after: str) -> None:
    """One execution, to its end or to the first step that fails for what is missing."""
    planned = world.begin(name)
    if after == "planning":
        expire(world, suffix)
    # The workflow reads the work list itself.
    if after == "planning" and suffix in {"work.jsonl", ""}:
        raise ExportError("the workflow finds no work list")
    results = world.convert(planned)
    if after == "conversion":
        expire(world, suffix)
    exports = world.aggregate(planned, results)
    if after == "publishing":
        expire(world, suffix)
    world.finish_run(name, planned, results, exports)


CASES = [
    (after, suffix) for after in ("planning", "conversion", "publishing") for suffix in SUFFIXES
]


@pytest.mark.parametrize("number", [2, 4], ids="slice {}".format)
@pytest.mark.parametrize(("after", "suffix"), CASES)
def test_what_expires_within_a_full_export_in_slices_is_made_again(
    number: int, after: str, suffix: str
) -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, number)
    name = world.pending()[0]
    try:
        run_and_expire(world, name, suffix, after)
    except ExportError:
        # Not even its end may be recorded: its plan may be gone.
        world.workflow.running.discard(arn(name))
    for _ in range(6):
        world.run_pending()
        world.clock.advance(600)
        world.look_after(compare=False)
    assert_all_is_published(world)
