"""The runner refuses the names and sizes that the service refuses."""

from typing import Any

import pytest

from kili_export.local.workflow.errors import UnsupportedField
from kili_export.local.workflow.grammar import refuse_unsupported
from kili_export.local.workflow.limits import DEFINITION_BYTES, NAME_LENGTH
from tests.unit.local.workflow.doubles import machine, pass_state, task

Definition = dict[str, Any]


def with_map(**inner: Any) -> Definition:
    """A machine that assigns `outer` and maps over a block with one state, `inside`."""
    block = {"StartAt": "inside", "States": {"inside": pass_state({}, **inner)}}
    processor = {**block, "ProcessorConfig": {"Mode": "INLINE"}}
    each = {"Type": "Map", "Items": [1], "ItemProcessor": processor, "End": True}
    return machine(begin=pass_state({}, Assign={"outer": 1}, Next="each"), each=each)


def assigned(name: str) -> Definition:
    return machine(a=pass_state({}, Assign={name: 1}))


def renamed(definition: Definition, name: str) -> Definition:
    """The same with its inner state under another name."""
    block = definition["States"]["each"]["ItemProcessor"]
    block["States"] = {name: block["States"].pop("inside")}
    block["StartAt"] = name
    return definition


def caught(name: str) -> Definition:
    """A catcher inside the map assigns a variable."""
    definition = with_map()
    block = definition["States"]["each"]["ItemProcessor"]
    catcher = {"ErrorEquals": ["States.ALL"], "Assign": {name: 1}, "Next": "after"}
    block["States"] = {"inside": task(Catch=[catcher]), "after": pass_state({})}
    return definition


ALLOWED: dict[str, Definition] = {
    "a name of its own": with_map(Assign={"own": 1}),
    "a catcher's own name": caught("own"),
    "the longest variable": assigned("v" * NAME_LENGTH),
    "the longest state": renamed(with_map(), "s" * NAME_LENGTH),
}
REFUSED: dict[str, tuple[Definition, str]] = {
    "an outer name": (with_map(Assign={"outer": 2}), "assigns outer"),
    "an outer name in a catcher": (caught("outer"), "assigns outer"),
    "the service's own name": (assigned("states"), "assigns states"),
    "no identifier": (assigned("a-b"), "assigns a-b"),
    "too long a variable": (assigned("v" * (NAME_LENGTH + 1)), "cannot name a variable"),
    "too long a state": (renamed(with_map(), "s" * (NAME_LENGTH + 1)), "more than 80"),
    "a state's name twice": (renamed(with_map(), "begin"), "Two states"),
    "too long a definition": (machine(a=pass_state({"x": "x" * DEFINITION_BYTES})), "1 MB"),
}


@pytest.mark.parametrize("definition", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_the_service_takes_is_taken(definition: Definition) -> None:
    refuse_unsupported(definition)


@pytest.mark.parametrize(("definition", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_service_refuses_is_refused(definition: Definition, words: str) -> None:
    with pytest.raises(UnsupportedField, match=words):
        refuse_unsupported(definition)
