"""What of a URL tells which file it names: all but its query, which signatures change."""

from typing import Any

from kili_export.domain.formats.texts import encoded


def unsigned(value: Any) -> Any:
    """A URL without query and fragment; in lists and mappings, each of them; else unchanged."""
    if isinstance(value, str):
        return _without_query(value)
    if isinstance(value, list):
        return [unsigned(item) for item in value]
    if isinstance(value, dict):
        return {key: unsigned(item) for key, item in value.items()}
    return value


def identity_of(unsigned_text: str, data: bytes) -> bytes | None:
    """The text to compare instead of `data`, None when it is the same."""
    identity = encoded(unsigned_text)
    return None if identity == data else identity


def _without_query(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        return text
    return text.split("#", 1)[0].split("?", 1)[0]
