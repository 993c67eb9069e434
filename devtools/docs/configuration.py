"""The reference of settings: parameters of the template, variables of the functions, options."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from devtools.docs.markdown import table
from devtools.docs.sources import Variable


def variables(known: Iterable[Variable]) -> str:
    """The environment variables of the functions."""
    rows = ((f"`{one.name}`", one.meaning, _default_of(one)) for one in known)
    return table(("variable", "meaning", "default"), rows)


def parameters(known: Mapping[str, Mapping[str, Any]]) -> str:
    """The parameters of the template."""
    rows = (
        (
            f"`{name}`",
            str(parameter["Description"]),
            f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty",
            _limits(parameter),
        )
        for name, parameter in known.items()
    )
    return table(("parameter", "meaning", "default", "values"), rows)


def options(
    declaration: type[BaseModel], meanings: Mapping[str, str], filled_in: Mapping[str, str]
) -> str:
    """The options of an export. `meanings` must explain exactly those that there are.

    `filled_in` says what a declaration gets that leaves out what is required of the document.
    """
    fields = declaration.model_fields
    if meanings.keys() != fields.keys():
        raise ValueError(f"options and meanings differ: {sorted(meanings.keys() ^ fields.keys())}")
    rows = (
        (f"`{name}`", meanings[name], filled_in.get(name) or _initial(field))
        for name, field in fields.items()
    )
    return table(("option", "meaning", "default"), rows)


def _default_of(variable: Variable) -> str:
    if variable.default is None:
        return "required"
    unit = f" {variable.unit}" if variable.unit not in {"", "URL"} else ""
    return f"`{variable.default}`{unit}"


def _limits(parameter: Mapping[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    return str(parameter.get("ConstraintDescription", ""))


def _initial(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"`{json.dumps(value)}`"
