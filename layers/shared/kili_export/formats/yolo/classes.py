"""Class files of YOLO datasets, by the order of the classes, which `yolo.py` chooses."""

import json
import re
from collections.abc import Callable, Sequence

ClassFile = tuple[str, str]
ClassWriter = Callable[[Sequence[str]], ClassFile]
_PLAIN = re.compile(r"[A-Za-z0-9_/ .-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# JSON allows these inside a string as they are, YAML does not.
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
# Plain words that readers of YAML 1.1 or 1.2 take for something else than text. A lone y or n is
# text for them, though YAML 1.1 says otherwise.
_NOT_TEXT = re.compile(
    r"""
      (null|true|false|yes|no|on|off)
    | [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ | [-+]?0x[0-9a-f_]+
    | [-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(e[-+]?[0-9]+)?
    | [-+]?\.(inf|nan)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(\s.*|t.*)?
    | ---|\.\.\.
    | ---\s.* | \.\.\.\s.*
    """,
    re.VERBOSE | re.IGNORECASE,
)


def class_list(names: Sequence[str]) -> ClassFile:
    """YOLO v4: a number and a name in each line of `classes.txt`.

    A name that would break its line is written as a JSON string, and then all of them are.
    """
    if any(_CONTROL.search(name) for name in names):
        names = [quoted(name) for name in names]
    return "classes.txt", "".join(f"{number} {name}\n" for number, name in enumerate(names))


def class_mapping(names: Sequence[str]) -> ClassFile:
    """YOLO v5: a mapping of numbers to names in `data.yaml`.

    Names are written bare, as the SDK does, when YAML reads every one of them as that text;
    otherwise all of them are quoted.
    """
    if not all(_is_bare_text(name) for name in names):
        names = [quoted(name) for name in names]
    lines = "".join(f"  {number}: {name}\n" for number, name in enumerate(names))
    return "data.yaml", "names:\n" + lines


def class_sequence(names: Sequence[str]) -> ClassFile:
    """YOLO v7 and v8: the number of classes and the list of names in `data.yaml`.

    Names stand in single quotes, as the SDK writes them, when none holds anything unusual;
    otherwise all of them are JSON strings.
    """
    if all(_PLAIN.fullmatch(name) for name in names):
        listed = ", ".join(f"'{name}'" for name in names)
    else:
        listed = ", ".join(map(quoted, names))
    return "data.yaml", f"nc: {len(names)}\nnames: [{listed}]\n"


def _is_bare_text(name: str) -> bool:
    return (
        _PLAIN.fullmatch(name) is not None
        and name == name.strip()
        and not name.startswith("- ")
        and name != "-"
        and _NOT_TEXT.fullmatch(name) is None
    )


def quoted(name: str) -> str:
    """The name as a double-quoted string that JSON and YAML read alike."""
    text = json.dumps(name, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
