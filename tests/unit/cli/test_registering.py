"""Declaring exports: checked against the project first, stored whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kili_export.core.bucket_layout import registration_key
from kili_export.core.errors import (
    AccessDenied,
    ConflictError,
    IncompatibleProject,
    InvalidConfiguration,
)
from kili_export.core.project import Project
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import (
    CheckedKili,
    read_registration,
    register_exports,
    unregister,
)
from tests.support.fakes import CountingTokens, InMemoryObjects

BOXES = {
    "jobs": {
        "BOXES": {
            "mlTask": "OBJECT_DETECTION",
            "tools": ["rectangle"],
            "content": {"categories": {"CAR": {"name": "Car"}}},
        }
    }
}


@dataclass
class _Kili:
    """A Kili with one project."""

    visible: bool = True
    input_type: str = "IMAGE"
    workflow_version: str | None = None
    counted: list[Mapping[str, Any] | None] = field(default_factory=list)

    def project(self, project_id: str) -> Project:
        if not self.visible:
            raise AccessDenied("not visible with this key")
        workflow = self.workflow_version
        return Project(project_id, "Cars", None, self.input_type, BOXES, workflow_version=workflow)

    def count_assets(self, project_id: str, filters: Mapping[str, Any] | None = None) -> int:
        assert project_id == "project"
        self.counted.append(filters)
        if filters and "nowhere" in filters.get("step_name_in", []):
            raise InvalidConfiguration("the project has no step 'nowhere'")
        return 1


def _declared(**exports: dict[str, Any]) -> ProjectRegistration:
    declared = [{"name": name, **options} for name, options in exports.items()]
    return parse_registration({"project_id": "project", "exports": declared})


def _register(
    objects: InMemoryObjects, registration: ProjectRegistration, kili: _Kili | None = None
) -> Any:
    return register_exports(
        objects, cast("CheckedKili", kili or _Kili()), CountingTokens(), registration
    )


YOLO, COCO = {"format": "yolo_v8"}, {"format": "coco"}


def test_a_first_registration_is_stored_and_told_as_added() -> None:
    objects = InMemoryObjects()
    registration = _declared(yolo=YOLO, coco=COCO)
    told = _register(objects, registration)
    assert (told.title, told.added, told.changed) == ("Cars", ("yolo", "coco"), ())
    stored = read_registration(objects, "project")
    assert stored.incarnation
    assert stored == registration.model_copy(update={"incarnation": stored.incarnation})


def test_what_differs_from_the_former_registration_is_told() -> None:
    objects = InMemoryObjects()
    _register(objects, _declared(yolo=YOLO, coco=COCO, raw={"format": "kili"}))
    told = _register(
        objects, _declared(yolo=YOLO, coco={**COCO, "layout": "merged"}, kili={"format": "kili"})
    )
    assert told.unchanged == ("yolo",)
    assert told.changed == ("coco",)
    assert told.removed == ("raw",)
    assert told.added == ("kili",)


@pytest.mark.parametrize(
    ("kili", "exports", "error", "says"),
    [
        (_Kili(visible=False), {"a": YOLO}, AccessDenied, "not visible"),
        (_Kili(input_type="AUDIO"), {"a": YOLO}, IncompatibleProject, "export 'a'"),
        (
            _Kili(),
            {"a": {**YOLO, "filters": {"step_name_in": ["nowhere"]}}},
            InvalidConfiguration,
            "nowhere",
        ),
    ],
    ids=["project not visible", "format not possible", "filter not possible"],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_stored(
    kili: _Kili, exports: dict[str, Any], error: type[Exception], says: str
) -> None:
    objects = InMemoryObjects()
    with pytest.raises(error, match=says):
        _register(objects, _declared(**exports), kili)
    assert objects.stored == {}


def test_kili_is_asked_about_filters_alone() -> None:
    kili = _Kili()
    _register(InMemoryObjects(), _declared(yolo=YOLO), kili)
    assert kili.counted == []


def test_two_registrations_at_once_do_not_overwrite_each_other() -> None:
    objects = InMemoryObjects()
    _register(objects, _declared(yolo=YOLO))
    objects.interleaving.before("put", lambda: _register(objects, _declared(coco=COCO)) and None)
    with pytest.raises(ConflictError, match="same moment"):
        _register(objects, _declared(raw={"format": "kili"}))
    assert [one.name for one in read_registration(objects, "project").exports] == ["coco"]


def test_unregistering_ends_the_declaration_and_leaves_what_was_published() -> None:
    objects = InMemoryObjects()
    _register(objects, _declared(yolo=YOLO))
    objects.put("exports/project/yolo/manifest.json", b"{}")
    assert unregister(objects, "project")
    assert registration_key("project") not in objects.stored
    assert "exports/project/yolo/manifest.json" in objects.stored
    assert not unregister(objects, "project")
    with pytest.raises(InvalidConfiguration, match="kili-export register project"):
        read_registration(objects, "project")


@pytest.mark.parametrize(
    "publish",
    [{"snapshot_when": {"reviewed": "all"}}, {"hold_latest_while": {"reviewed_below": 0.5}}],
)
def test_a_condition_that_kili_cannot_answer_is_refused(publish: dict[str, Any]) -> None:
    objects, declared = InMemoryObjects(), _declared(yolo={**YOLO, "publish": publish})
    for version in ("V2", "V3"):
        with pytest.raises(IncompatibleProject, match=f"'yolo': publish: .* workflow {version}"):
            _register(objects, declared, _Kili(workflow_version=version))
    assert objects.stored == {}
    for known in (None, "V1"):
        _register(objects, declared, _Kili(workflow_version=known))
    other = _declared(yolo={**YOLO, "publish": {"snapshot_when": {"changed": 5}}})
    assert _register(objects, other, _Kili(workflow_version="V2")).changed == ("yolo",)
