"""Reads the code blocks of a document."""

import re


def fenced(text: str, language: str) -> list[str]:
    """The contents of every block of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
