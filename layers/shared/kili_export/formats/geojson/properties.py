"""Properties of GeoJSON features under the names that people gave: classes, nested answers.

A later property replaces an earlier one of the same name, as in what the SDK writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kili_export.core.project import Project

Properties = dict[str, Any]
# What JSON objects are, and first what they nearly always are: that check is many times faster.
_OBJECT: Final = (dict, Mapping)


@dataclass(frozen=True, slots=True)
class _Job:
    """What a job of the interface is called, and its categories by their keys."""

    title: str
    takes_several: bool
    names: Mapping[str, Any]
    categories: Mapping[str, Any]


class FriendlyNames:
    """What jobs and categories are called in the interface."""

    def __init__(self, project: Project) -> None:
        declared = project.json_interface.get("jobs")
        jobs = declared if isinstance(declared, _OBJECT) else {}
        self._jobs = {
            name: _job(name, definition if isinstance(definition, _OBJECT) else {})
            for name, definition in jobs.items()
        }

    def job(self, name: str) -> str:
        """A job's export name, else its instruction, else its id."""
        job = self._jobs.get(name)
        return name if job is None else job.title

    def category(self, job: str, key: str) -> Any:
        """A category's name, else its key."""
        known = self._jobs.get(job)
        return key if known is None else known.names.get(key, key)

    def takes_several(self, job: str) -> bool:
        """Whether several categories can be chosen."""
        known = self._jobs.get(job)
        return known is not None and known.takes_several

    def is_nested_in(self, child: str, job: str, key: str) -> bool:
        """Whether `child` is asked when the category `key` of `job` was chosen."""
        known = self._jobs.get(job)
        category = None if known is None else known.categories.get(key)
        children = category.get("children") if isinstance(category, _OBJECT) else None
        return isinstance(children, list | Mapping) and child in children


def _job(name: str, definition: Mapping[str, Any]) -> _Job:
    content = definition.get("content")
    content = content if isinstance(content, _OBJECT) else {}
    categories = content.get("categories")
    categories = categories if isinstance(categories, _OBJECT) else {}
    return _Job(
        title=str(definition.get("exportName") or definition.get("instruction") or name),
        takes_several=content.get("input") == "checkbox",
        names={
            key: category.get("name", key)
            for key, category in categories.items()
            if isinstance(category, _OBJECT)
        },
        categories=categories,
    )


def flattened(original: Properties, job: str, names: FriendlyNames) -> Properties:
    """The properties of a feature: its class, its answers by name, and `kili`, the original."""
    properties: Properties = {}
    categories = _categories(original)
    if categories:
        friendly = [names.category(job, _key(category)) for category in categories]
        title = names.job(job)
        properties["class"] = friendly[0]
        properties[title] = friendly if names.takes_several(job) else friendly[0]
        for category, name in zip(categories, friendly, strict=True):
            if children := category.get("children"):
                properties |= _nested(children, names, f"{title}.{name}")
    if children := original.get("children"):
        properties |= _own_children(children, categories, job, names)
    properties["kili"] = original
    return properties


def _own_children(
    children: Any, categories: list[Mapping[str, Any]], job: str, names: FriendlyNames
) -> Properties:
    """Answers nested in the annotation, those of its first category before the others."""
    if not isinstance(children, _OBJECT):
        return {}
    if not categories:
        return _nested(children, names)
    key = _key(categories[0])
    inside = {
        child: answer for child, answer in children.items() if names.is_nested_in(child, job, key)
    }
    others = {child: answer for child, answer in children.items() if child not in inside}
    prefix = f"{names.job(job)}.{names.category(job, key)}"
    return _nested(inside, names, prefix) | _nested(others, names)


def _nested(children: Any, names: FriendlyNames, prefix: str = "") -> Properties:
    properties: Properties = {}
    if not isinstance(children, _OBJECT):
        return properties
    for job, answer in children.items():
        name = f"{prefix}.{names.job(job)}" if prefix else names.job(job)
        if isinstance(answer, _OBJECT):
            properties |= _answer(answer, job, name, names)
    return properties


def _answer(answer: Mapping[str, Any], job: str, name: str, names: FriendlyNames) -> Properties:
    if "text" in answer:
        return {name: answer["text"]}
    categories = _categories(answer)
    friendly = [names.category(job, _key(category)) for category in categories]
    if names.takes_several(job):
        properties: Properties = {name: friendly} if "categories" in answer else {}
    elif not categories:
        return {}
    else:
        properties = {name: friendly[0]}
        categories = categories[:1]
    for category, chosen in zip(categories, friendly, strict=False):
        properties |= _nested(category.get("children"), names, f"{name}.{chosen}")
    return properties


def _categories(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    categories = answer.get("categories")
    if not isinstance(categories, list):
        return []
    return [category for category in categories if isinstance(category, _OBJECT)]


def _key(category: Mapping[str, Any]) -> str:
    name = category.get("name", "")
    return name if isinstance(name, str) else ""
