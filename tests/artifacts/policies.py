"""Decides as IAM would, by the template's own statements."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.support.template_document import listed, statements, text


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource, by its ARN."""

    action: str
    resource: str


class Policy:
    """What one function is allowed."""

    def __init__(self, properties: Mapping[str, Any], values: Mapping[str, str]) -> None:
        """`values` gives what `${...}` stands for, for instance of `Bucket.Arn`."""
        self._allowed = {
            Access(action, _filled(text(resource), values)): str(statement["Sid"])
            for statement in statements(properties, with_kms_key=False)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }

    def statement_for(self, access: Access) -> str | None:
        """The name of the statement that allows it, None if none does."""
        for allowed, sid in self._allowed.items():
            if allowed.action == access.action and fnmatchcase(access.resource, allowed.resource):
                return sid
        return None

    def granted(self) -> set[str]:
        """Every action that is allowed on something."""
        return {allowed.action for allowed in self._allowed}


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", lambda found: values[found.group(1)], pattern)
