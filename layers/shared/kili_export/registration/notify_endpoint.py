"""The HTTP endpoints that a project's events are delivered to, as a registration declares them."""

import hashlib
import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import StrictStr, field_validator, model_validator

from kili_export.core.document import Document
from kili_export.core.project import SECRET_NAME

EventName = Literal["Export Published", "Export Failed", "Assets Quarantined", "Removals Held"]
EVENT_NAMES: Final[tuple[EventName, ...]] = (
    "Export Published",
    "Export Failed",
    "Assets Quarantined",
    "Removals Held",
)
MOST_ENDPOINTS: Final = 10
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_AMBIGUOUS: Final = re.compile(r"[^\x21-\x7e]|\\")
_LONGEST_URL: Final = 2048


class NotifyEndpoint(Document):
    """One endpoint. `name` is what lists and messages call it: its address may be a secret.

    `secret` names the secret that deliveries are signed with, without the prefix that all such
    secrets have. Slack's addresses are secrets themselves: with `style: slack` the secret holds
    the address, and there is no `url`.
    """

    name: StrictStr
    url: StrictStr | None = None
    secret: StrictStr
    events: tuple[EventName, ...] = EVENT_NAMES
    style: Literal["standard", "slack"] = "standard"

    @field_validator("name")
    @classmethod
    def _usable_in_keys(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(
                "must be letters, digits, _ and -, at most 64, beginning with a letter or digit"
            )
        return name

    @field_validator("url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if url is not None and not is_address(url):
            raise ValueError("must be an https:// address without user, password and fragment")
        return url

    @field_validator("secret")
    @classmethod
    def _secret(cls, name: str) -> str:
        if not SECRET_NAME.fullmatch(name):
            raise ValueError(
                "must be the name of a secret, not its value: letters, digits and any of _+=.@-,"
                " at most 64"
            )
        if name.startswith("whsec_"):
            raise ValueError("must be the name of a secret, not its value")
        return name

    @field_validator("events")
    @classmethod
    def _some_events(cls, events: tuple[EventName, ...]) -> tuple[EventName, ...]:
        if not events:
            raise ValueError("must name an event, or be left out for all of them")
        return tuple(dict.fromkeys(events))

    @model_validator(mode="after")
    def _one_address(self) -> "NotifyEndpoint":
        if self.style == "standard" and self.url is None:
            raise ValueError("url is missing")
        if self.style == "slack" and self.url is not None:
            raise ValueError(
                "Slack's address is a secret: leave url out, and store the address in the secret"
            )
        return self

    @property
    def fingerprint(self) -> str:
        """Another one when deliveries would go elsewhere."""
        text = f"{self.style}\n{self.url}\n{self.secret}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_address(url: str) -> bool:
    """Whether a text has the form of an address to deliver to.

    Whether it may be connected to is decided when it is.
    """
    if len(url) > _LONGEST_URL or _AMBIGUOUS.search(url):
        return False
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(usable) and parts.username is None and not parts.fragment
