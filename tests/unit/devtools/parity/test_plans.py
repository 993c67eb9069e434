"""Which combinations are compared."""

import pytest

from devtools.corpus import CORPUS, corpus_project
from devtools.parity.combinations import FORMATS
from devtools.parity.projects import parity_projects
from kili_export.local.kili_standin.state.model import Project

PROJECTS = {one.name: one for one in parity_projects()}


def shown(project: Project) -> list[object]:
    return [
        (
            *(asset.id, asset.external_id, asset.page_resolutions),
            [label.content.render() for label in asset.labels],
        )
        for asset in project.assets.values()
    ]


def test_every_format_is_compared_in_at_least_150_combinations() -> None:
    plans = [list(one.plan(one.make(1))) for one in PROJECTS.values()]
    assert sum(map(len, plans)) >= 150
    for quick in (False, True):
        formats = {one.format for plan in plans for one in plan if one.quick or not quick}
        assert formats >= set(FORMATS)


def test_no_combination_is_compared_twice() -> None:
    for project in PROJECTS.values():
        titles = [str(one.declaration("x")) for one in project.plan(project.make(1))]
        assert len(set(titles)) == len(titles), project.name


def test_every_generated_project_is_compared() -> None:
    assert PROJECTS.keys() >= CORPUS.keys()


@pytest.mark.parametrize("name", CORPUS)
def test_a_generated_project_is_the_same_for_the_same_seed_alone(name: str) -> None:
    project = shown(corpus_project(name, 1))
    assert project == shown(corpus_project(name, 1))
    assert project != shown(corpus_project(name, 2))


def test_no_two_generated_projects_share_an_id() -> None:
    ids = [asset for name in CORPUS for asset in corpus_project(name, 1).assets]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", [one.name for one in PROJECTS.values() if one.sound])
def test_the_sound_project_differs_and_leaves_the_flawed_one_alone(name: str) -> None:
    one = PROJECTS[name]
    project = one.make(1)
    before = shown(project), str(project.json_interface)
    assert one.sound is not None
    sound = one.sound(project)
    assert (shown(project), str(project.json_interface)) == before
    assert (shown(sound), str(sound.json_interface)) != before
