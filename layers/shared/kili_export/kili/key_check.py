"""Asks Kili whether it takes the API key, until when, and what time it is there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from kili_export.core.errors import Unavailable
from kili_export.kili.http.transport import GraphQLTransport, Operation

_CHECK: Final = Operation(
    "apiKeys",
    "query apiKeys($where: ApiKeyWhere!) {\n"
    "  data: apiKeys(where: $where, skip: 0, first: 1) { expiryDate }\n}",
)


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A key that Kili takes: when it expires and Kili's own time, None where Kili says nothing."""

    expires: datetime | None
    kili_time: datetime | None


def check_key(transport: GraphQLTransport) -> KeyCheck:
    """One query. Raises AccessDenied for a key that Kili refuses, else as the transport does."""
    found = transport.execute(_CHECK, {"where": {"key": transport.endpoint.key()}})
    if not isinstance(found, list):
        raise Unavailable(f"{transport.endpoint.name} answered something else than a list of keys")
    # A key that an answer was given for is taken, also where its own record is not shown.
    return KeyCheck(_moment(found[0]) if found else None, _date(transport.answered_at))


def _moment(row: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(row["expiryDate"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
