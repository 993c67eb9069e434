"""Files that commands are given: read as they are meant, or refused in one line."""

import json
from pathlib import Path

import pytest

from kili_export.cli.yaml_files import read_yaml
from kili_export.core.errors import InvalidConfiguration

NINE = "[x, x, x, x, x, x, x, x, x]"
LAUGHS = "\n".join(
    [f"a: &a {NINE}"]
    + [
        f"{after}: &{after} [{', '.join([f'*{one}'] * 9)}]"
        for one, after in zip("abcdefgh", "bcdefghi", strict=True)
    ]
)


def read(folder: Path, text: str) -> object:
    (folder / "exports.yaml").write_text(text, encoding="utf-8")
    return read_yaml(str(folder / "exports.yaml"))


def test_what_json_escapes_is_read_as_json_reads_it(tmp_path: Path) -> None:
    value = {"external_ids": ["\U0001f600.jpg", "é", "\u2028"], "\U0001f600": 1}
    assert "\\ud83d\\ude00" in json.dumps(value)
    assert read(tmp_path, json.dumps(value)) == value


def test_aliases_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &a {b: [c]}\nd: *a") == {"a": {"b": ["c"]}, "d": {"b": ["c"]}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('a:\n- "\\ud800"', "line 2, column 3 is not YAML: half a surrogate pair"),
        (LAUGHS, "too large, perhaps by aliases"),
        ("a: &a [*a]", "too large, perhaps by aliases"),
        (f'a: &a "{"x" * 100_000}"\nb: [{", ".join(["*a"] * 10_000)}]', "too large"),
        ("a: !!python/object/apply:os.getcwd []", "line 1, column 4 is not YAML"),
    ],
    ids=["half a pair", "aliases of aliases", "itself", "a long text often", "an object"],
)
def test_what_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidConfiguration, match=says) as refused:
        read(tmp_path, text)
    assert "\n" not in str(refused.value)
