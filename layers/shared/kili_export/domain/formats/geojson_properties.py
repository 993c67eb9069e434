"""Properties of GeoJSON features under the names that people gave: classes, nested answers.

A later property replaces an earlier one of the same name, as in what the SDK writes.
"""

from collections.abc import Mapping
from typing import Any

from kili_export.domain.project import Project

Properties = dict[str, Any]


class FriendlyNames:
    """What jobs and categories are called in the interface."""

    def __init__(self, project: Project) -> None:
        declared = project.json_interface.get("jobs")
        self._jobs: Mapping[str, Any] = declared if isinstance(declared, Mapping) else {}

    def job(self, name: str) -> str:
        """A job's export name, else its instruction, else its id."""
        job = self._job(name)
        friendly = job.get("exportName") or job.get("instruction") or name
        return str(friendly)

    def category(self, job: str, key: str) -> Any:
        """A category's name, else its key."""
        category = self._categories(job).get(key)
        if not isinstance(category, Mapping) or not category:
            return key
        return category.get("name", key)

    def takes_several(self, job: str) -> bool:
        """Whether several categories can be chosen."""
        content = self._job(job).get("content")
        return isinstance(content, Mapping) and content.get("input") == "checkbox"

    def is_nested_in(self, child: str, job: str, key: str) -> bool:
        """Whether `child` is asked when the category `key` of `job` was chosen."""
        category = self._categories(job).get(key)
        children = category.get("children") if isinstance(category, Mapping) else None
        return isinstance(children, list | Mapping) and child in children

    def _job(self, name: str) -> Mapping[str, Any]:
        job = self._jobs.get(name)
        return job if isinstance(job, Mapping) else {}

    def _categories(self, job: str) -> Mapping[str, Any]:
        content = self._job(job).get("content")
        categories = content.get("categories") if isinstance(content, Mapping) else None
        return categories if isinstance(categories, Mapping) else {}


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
            properties |= _nested(category.get("children"), names, f"{title}.{name}")
    properties |= _own_children(original, categories, job, names)
    properties["kili"] = original
    return properties


def _own_children(
    original: Properties, categories: list[Mapping[str, Any]], job: str, names: FriendlyNames
) -> Properties:
    """Answers nested in the annotation, those of its first category before the others."""
    children = original.get("children")
    if not isinstance(children, Mapping):
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
    if not isinstance(children, Mapping):
        return properties
    for job, answer in children.items():
        name = f"{prefix}.{names.job(job)}" if prefix else names.job(job)
        if isinstance(answer, Mapping):
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
    return [category for category in categories if isinstance(category, Mapping)]


def _key(category: Mapping[str, Any]) -> str:
    name = category.get("name", "")
    return name if isinstance(name, str) else ""
