"""A state directory is copied while its stack runs, and another stack runs on the copy."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow


def generation(stack: StackProcess, project_id: str) -> Any:
    return stack.answer("status", project_id)["exports"][0]["generation"]


def test_each_stack_goes_on_with_its_own_and_harms_no_other(tmp_path: Path) -> None:
    world = KiliWorld(api_key="kept-key")
    project = world.add_project(generate_project(seed=3, assets=2))
    with start_standin(world) as kili:
        stacks = [StackProcess(tmp_path / name / "state", kili, world.api_key) for name in "ab"]
        original, other = stacks
        original.state.parent.mkdir()
        other.state.parent.mkdir()
        try:
            original.start()
            original.answer("register", project.id, "--export", "raw=kili")
            original.answer("wait", project.id)
            shutil.copytree(original.state, other.state)
            other.start()
            for one, grown in ((original, [2, 1]), (other, [2, 2])):
                one.answer("run", project.id, "--full", "--wait")
                assert [generation(stack, project.id) for stack in stacks] == grown
            # Only one stack may run on each.
            refused = other.command("up", "--port", "0")
            assert refused.returncode == 2
            assert "already running" in refused.stderr
            other.end()
            assert generation(original, project.id) == 2
        finally:
            for stack in stacks:
                stack.discard()
