"""Text as bytes, whatever people wrote."""


def encoded(text: str) -> bytes:
    """UTF-8; an unpaired surrogate, which has no encoding, becomes a question mark."""
    return text.encode("utf-8", "replace")
