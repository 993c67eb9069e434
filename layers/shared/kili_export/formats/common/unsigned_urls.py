"""Contents of label files without what differs on every fetch: the signatures of URLs."""

from typing import Any

from kili_export.core.urls import without_signature
from kili_export.formats.common.encoding import encoded


def unsigned(value: Any) -> Any:
    """A URL without its signature; in lists and mappings, each of them; else unchanged."""
    if isinstance(value, str):
        return without_signature(value)
    if isinstance(value, list):
        return [unsigned(item) for item in value]
    if isinstance(value, dict):
        return {key: unsigned(item) for key, item in value.items()}
    return value


def identity_of(unsigned_text: str, data: bytes) -> bytes | None:
    """The text to compare instead of `data`, None when it is the same."""
    identity = encoded(unsigned_text)
    return None if identity == data else identity
