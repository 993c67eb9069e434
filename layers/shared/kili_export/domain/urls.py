"""What of a URL tells which file it names: all but its query, which signatures change."""


def without_query(text: str) -> str:
    """A URL without query and fragment; any other text unchanged."""
    if not is_url(text):
        return text
    return text.split("#", 1)[0].split("?", 1)[0]


def is_url(value: object) -> bool:
    """Whether a field of an asset is meant as an address."""
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))
