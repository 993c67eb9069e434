"""Package, documents and messages keep to plain English: some words say too little."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("layers", "functions", "docs", "statemachine", "template.yaml", "README.md")
PLACES_TOO = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile")
SUFFIXES = {".py", ".md", ".yaml", ""}
AVOIDED = re.compile(r"(?<![a-z])(anew|told|whoever|a person's word)(?![a-z])", re.IGNORECASE)
"""Also within a name, as in `made_anew`."""
STORED = re.compile(r'[":]told"?|SET told\b')
"""The name of an attribute in tables that exist. It cannot change with the words."""
GLOSSARY = ROOT / "docs/reference/glossary.md"


def texts() -> Iterator[Path]:
    """Every file that people read."""
    for place in (*PLACES, *PLACES_TOO):
        path = ROOT / place
        files = path.rglob("*") if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix in SUFFIXES and "__pycache__" not in file.parts:
                yield file


def avoided_in(text: str) -> list[str]:
    """The lines with a word that is to be avoided, with their numbers."""
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if AVOIDED.search(line) and not STORED.search(line)
    ]


def test_no_text_has_a_word_that_is_to_be_avoided() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in texts()
        if path != GLOSSARY and (lines := avoided_in(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_every_place_was_searched() -> None:
    searched = {path.relative_to(ROOT).parts[0] for path in texts()}
    assert searched == {*PLACES, *PLACES_TOO}


@pytest.mark.parametrize(
    "line", ["It is Told so.", "made anew", "made_anew()", "whoever asks", "a person's word"]
)
def test_such_a_word_is_found(line: str) -> None:
    assert avoided_in(f"first\n{line}") == [f"2: {line}"]
