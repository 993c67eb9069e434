"""A stack that Kili cannot call publishes what Kili's list of events has."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow

NEVER = "86400"
SECONDS = 120


@contextmanager
def running(folder: Path, *following: str) -> Iterator[tuple[KiliWorld, Project, StackProcess]]:
    """A stack without a webhook, whose project has been exported once."""
    world = KiliWorld(api_key="following-key")
    project = world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(
            folder / "state",
            kili,
            world.api_key,
            following=("--reconcile-every", NEVER, *following),
        )
        try:
            stack.start()
            stack.answer("register", project.id, "--export=kili=kili")
            stack.answer("wait", project.id)
            yield world, project, stack
        finally:
            stack.discard()


def publishes(world: KiliWorld, project: Project, stack: StackProcess, generation: int) -> None:
    world.submit_label("scene-28.png", project_id=project.id)
    deadline = time.monotonic() + SECONDS
    while True:
        (export,) = stack.answer("status", project.id)["exports"]
        if export["generation"] == generation:
            return
        assert time.monotonic() < deadline, "the label was never published"
        time.sleep(0.2)


def asked(world: KiliWorld, operation: str) -> None:
    """Returns when that was asked of Kili."""
    deadline = time.monotonic() + SECONDS
    while not world.counters.snapshot()["operations"].get(operation):
        assert time.monotonic() < deadline, f"{operation} was never asked for"
        time.sleep(0.1)


def test_the_list_of_events_is_followed(tmp_path: Path) -> None:
    with running(tmp_path, "--follow-every", "1") as (world, project, stack):
        # The first round notes where the list begins; the next ones ask for what came since.
        asked(world, "events")
        publishes(world, project, stack, 2)


def test_a_stack_that_subscribes_publishes_too(tmp_path: Path) -> None:
    with running(tmp_path, "--follow-every", "2", "--subscribe") as (world, project, stack):
        asked(world, "labelCreatedOrUpdated")
        asked(world, "events")
        publishes(world, project, stack, 2)
