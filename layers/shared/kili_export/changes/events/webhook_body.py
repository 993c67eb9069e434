"""The body of a webhook call from Kili. Nothing of it is believed but names and ids.

Two envelopes are accepted: the older `{"eventType", "logPayload", "payload"}`, and the one that
Kili's event models declare, `{"event", "projectId", "payload"}`, bare or as the `payload` of the
older one, since it is documented nowhere which of the two a webhook gets.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Never

from kili_export.changes.events.change_events import ChangeEvent
from kili_export.changes.events.event_catalogue import names_an_asset
from kili_export.core.errors import InvalidEvent
from kili_export.core.project import ENTITY_ID, PROJECT_ID
from kili_export.core.storable import storable_text

_EVENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{0,127}")
_LABEL_TYPE = re.compile(r"[A-Z_]{1,32}")
_MOST_FIELDS = 1000


class _Repeating(dict[str, Any]):
    """A JSON object that gives some name more than once."""

    repeated: str


def parse_webhook(body: bytes) -> tuple[ChangeEvent, ...]:
    """The events of a webhook call; at present always one.

    An event that is not known is given like any other, under its name. Raises InvalidEvent,
    naming the field, for whatever is not an event.
    """
    envelope = _object(_parsed(body), "")
    payload = envelope.get("payload")
    if isinstance(envelope.get("event"), str):
        return (read_event(envelope),)
    if isinstance(payload, Mapping) and isinstance(payload.get("event"), str):
        return (read_event(payload, _logged_project(envelope), "payload."),)
    return (_older_event(envelope),)


def read_event(
    envelope: Mapping[str, Any], project_id: str | None = None, prefix: str = ""
) -> ChangeEvent:
    """One event of the models' form. `project_id` is the project if it does not say itself.

    `prefix` is where the event lies in what was received, for messages. Raises InvalidEvent.
    """
    envelope = _object(envelope, prefix.rstrip("."))
    name = _text(envelope, "event", prefix, _EVENT_NAME)
    if project_id is None or envelope.get("projectId") is not None:
        own = _text(envelope, "projectId", prefix, PROJECT_ID)
        if project_id not in (None, own):
            _refuse(f"{prefix}projectId", "names another project than the envelope")
        project_id = own
    payload = _optional_object(envelope, "payload", prefix)
    inside = f"{prefix}payload."
    return ChangeEvent(
        name=name,
        project_id=project_id,
        asset_id=_asset_id(payload, "assetId", inside, name),
        label_id=_optional_text(payload, "labelId", inside, ENTITY_ID),
        fields=_names(payload, "fields", inside),
    )


def _older_event(envelope: Mapping[str, Any]) -> ChangeEvent:
    if "event" in envelope:
        _refuse("event", "must be a text")
    if "eventType" not in envelope:
        _refuse("event", "is missing, and so is eventType: this is no event of Kili")
    name = _text(envelope, "eventType", "", _EVENT_NAME)
    project_id = _logged_project(envelope)
    if project_id is None:
        _refuse("logPayload.projectId", "is missing")
    payload = _optional_object(envelope, "payload", "")
    label = _optional_object(payload, "label", "payload.")
    return ChangeEvent(
        name=name,
        project_id=project_id,
        asset_id=_asset_id(payload, "asset_id", "payload.", name),
        label_id=_optional_text(label, "id", "payload.label.", ENTITY_ID),
        label_type=_optional_text(label, "labelType", "payload.label.", _LABEL_TYPE),
    )


def _logged_project(envelope: Mapping[str, Any]) -> str | None:
    log = _optional_object(envelope, "logPayload", "")
    return _optional_text(log, "projectId", "logPayload.", PROJECT_ID)


def _asset_id(payload: Mapping[str, Any], key: str, prefix: str, event_name: str) -> str | None:
    if names_an_asset(event_name):
        return _text(payload, key, prefix, ENTITY_ID)
    return _optional_text(payload, key, prefix, ENTITY_ID)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_not_a_number
        )
    except UnicodeDecodeError:
        _refuse("", "is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse("", f"is not JSON (line {error.lineno}, column {error.colno})")
    except RecursionError:
        _refuse("", "is nested too deeply")
    except ValueError:
        _refuse("", "holds a number that is too long or not a number")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    occurrences = Counter(name for name, _ in pairs)
    repeating = _Repeating(whole)
    repeating.repeated = min(name for name, count in occurrences.items() if count > 1)
    return repeating


def _not_a_number(constant: str) -> Never:
    raise ValueError(constant)


def _object(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(field, "must be an object")
    if isinstance(value, _Repeating):
        # Which of the two is meant cannot be known; inside a label's content nobody asks.
        name = storable_text(value.repeated[:64])
        _refuse(f"{field}.{name}".lstrip("."), "is given more than once")
    return value


def _optional_object(parent: Mapping[str, Any], key: str, prefix: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return {} if value is None else _object(value, f"{prefix}{key}")


def _text(parent: Mapping[str, Any], key: str, prefix: str, form: re.Pattern[str]) -> str:
    text = _optional_text(parent, key, prefix, form)
    if text is None:
        _refuse(f"{prefix}{key}", "is missing")
    return text


def _optional_text(
    parent: Mapping[str, Any], key: str, prefix: str, form: re.Pattern[str]
) -> str | None:
    value = parent.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        _refuse(f"{prefix}{key}", "must be a text")
    if not form.fullmatch(value):
        _refuse(f"{prefix}{key}", f"does not have the form {form.pattern}")
    return value


def _names(parent: Mapping[str, Any], key: str, prefix: str) -> tuple[str, ...]:
    value = parent.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        _refuse(f"{prefix}{key}", "must be a list of texts")
    if len(value) > _MOST_FIELDS:
        _refuse(f"{prefix}{key}", f"has more than {_MOST_FIELDS} entries")
    return tuple(value)


def _refuse(field: str, problem: str) -> Never:
    raise InvalidEvent(f"{field or 'the body'} {problem}", field=field)
