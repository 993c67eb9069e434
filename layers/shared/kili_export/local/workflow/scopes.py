"""Names that a definition may give to its variables and states, as the service limits them.

Variables: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html. A variable
belongs to the block of states that assigns it. Blocks inside it may read it (those of a Distributed
Map may not) and must not assign one of the same name: the page makes no exception for a Distributed
Map. A name is an identifier of Unicode of at most 80 characters, and `states` is the service's own.

States: https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html. A name has
at most 80 characters and is unique in the whole definition.

Size: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html. A request has at
most 1 MB, its header and its other fields included.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kili_export.local.workflow.errors import UnsupportedField
from kili_export.local.workflow.limits import DEFINITION_BYTES, NAME_LENGTH, encode

RESERVED: Final = "states"


def assigned_in(block: Mapping[str, Any]) -> frozenset[str]:
    """The variables that the states of one block assign, without those of the blocks inside it."""
    holders = (
        holder
        for state in block["States"].values()
        for holder in (state, *state.get("Catch", []), *state.get("Choices", []))
    )
    return frozenset(name for holder in holders for name in holder.get("Assign", {}))


def refuse_scopes(definition: Mapping[str, Any]) -> None:
    """Raises UnsupportedField for names and sizes that the service refuses."""
    size = len(encode(definition).encode())
    if size > DEFINITION_BYTES:
        raise UnsupportedField(f"The definition has {size:,} bytes; the service takes 1 MB")
    _refuse_assigned(definition, frozenset(), "the state machine")
    names = [name for block in _blocks(definition) for name in block["States"]]
    for name in names:
        if len(name) > NAME_LENGTH:
            raise UnsupportedField(f"The name of {name} has more than {NAME_LENGTH} characters")
        if names.count(name) > 1:
            raise UnsupportedField(f"Two states have the name {name}")


def _refuse_assigned(block: Mapping[str, Any], outer: frozenset[str], place: str) -> None:
    own = assigned_in(block)
    for name in sorted(own):
        if name == RESERVED or not name.isidentifier() or len(name) > NAME_LENGTH:
            raise UnsupportedField(f"{place} assigns {name}, which cannot name a variable")
        if name in outer:
            raise UnsupportedField(f"{place} assigns {name}, which belongs to the states around it")
    for name, state in block["States"].items():
        if "ItemProcessor" in state:
            _refuse_assigned(state["ItemProcessor"], outer | own, f"{place}.{name}")


def _blocks(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield block
    for state in block["States"].values():
        if "ItemProcessor" in state:
            yield from _blocks(state["ItemProcessor"])
