"""What is pinned beside what is so now, and how the two differ."""

import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tests.pins.archives import of_kind
from tests.pins.names import names
from tests.pins.options import options
from tests.pins.plain_deflate import plain_deflate
from tests.pins.product import KINDS
from tests.pins.protocol import protocol

PINNED = Path(__file__).with_name("pinned.json")
ARCHIVES = "archives of "
SECTIONS = ("names", "options", "protocol", *(f"{ARCHIVES}{kind}" for kind in KINDS))
ZLIB = "with zlib"
_NESTED = 4
_LONGEST = 300

_NOTHING = object()


def pinned() -> dict[str, Any]:
    """What is stored."""
    found: dict[str, Any] = json.loads(PINNED.read_text())
    return found


def section(name: str) -> dict[str, Any]:
    """A section as it is now. All but one are the same with every version of zlib."""
    if name == ZLIB:
        return {"version": zlib.ZLIB_RUNTIME_VERSION, "geotiffs": of_kind("geotiffs")}
    with plain_deflate():
        # Through JSON, so that both sides are of the same types.
        found: dict[str, Any] = json.loads(json.dumps(_made(name)))
        return found


def _made(name: str) -> Any:
    if name.startswith(ARCHIVES):
        return of_kind(name.removeprefix(ARCHIVES))
    return {"names": names, "options": options, "protocol": protocol}[name]()


def is_comparable(name: str, stored: Mapping[str, Any]) -> bool:
    """Whether a section can be compared here: compressed bytes need the zlib that made them."""
    return name != ZLIB or stored[ZLIB]["version"] == zlib.ZLIB_RUNTIME_VERSION


def differences(stored: Any, now: Any, place: str = "") -> Iterator[str]:
    """One line for each difference, with its place. The order of names counts: bytes have it."""
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in stored | now:
            one, other = stored.get(name, _NOTHING), now.get(name, _NOTHING)
            yield from differences(one, other, f"{place} > {name}" if place else name)
        common = [name for name in stored if name in now]
        if common != [name for name in now if name in stored]:
            yield f"{place}: the order of names changed"
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        for number, (one, other) in enumerate(zip(stored, now, strict=True)):
            yield from differences(one, other, f"{place} [{number}]")
    elif type(stored) is not type(now) or stored != now:
        yield f"{place}: {_shown(stored)} is now {_shown(now)}"


def report(name: str, stored: Mapping[str, Any], most: int = 40) -> str:
    """The first differences of a section, empty when there is none."""
    found = differences(stored.get(name, _NOTHING), section(name), name)
    lines = list(islice(found, most))
    rest = sum(1 for _ in found)
    return "\n".join([*lines, f"and {rest} more"] if rest else lines)


def write(sections: tuple[str, ...]) -> None:
    """Pins sections as they are now; the others stay."""
    stored = pinned() if PINNED.exists() else {}
    made = {**stored, **{name: section(name) for name in sections}}
    text = _text({name: made[name] for name in (*SECTIONS, ZLIB)}, 0)
    PINNED.write_text(text + "\n")


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _text(value: Any, depth: int) -> str:
    """JSON that can be read: places on lines of their own, documents on one line each."""
    if depth < _NESTED and isinstance(value, dict) and value:
        lines = (
            f"{' ' * (depth + 1)}{json.dumps(name, ensure_ascii=False)}: {_text(one, depth + 1)}"
            for name, one in value.items()
        )
        return "{\n" + ",\n".join(lines) + f"\n{' ' * depth}}}"
    if depth >= _NESTED - 1 and isinstance(value, list) and value:
        lines = (f"{' ' * (depth + 1)}{json.dumps(one, ensure_ascii=False)}" for one in value)
        return "[\n" + ",\n".join(lines) + f"\n{' ' * depth}]"
    return json.dumps(value, ensure_ascii=False)
