"""How files are read that differ on purpose: without what differs, for the rest has to be equal.

Each reading is that of both sides' file. One that a file cannot be read by is no use to it, and
shows as a difference.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from devtools.corpus.flawed import SAFE_NAMES
from devtools.parity.comparison import Files

Reading = Callable[[bytes], bytes]
_OF_PAGES = ("vertices", "pageResolutions")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def without_asset_level(file: bytes) -> bytes:
    """A video's document without what is said of the whole video."""
    return _document(file, lambda key, _: key == "assetLevel")


def without_nulls_in_lists(file: bytes) -> bytes:
    """A document without what is null among others."""
    return _document(file, lambda key, value: key is None and value is None)


def without_pixels(file: bytes) -> bytes:
    """A PDF's labels without the sizes of pages, and with one shape a page, as where these are."""
    document = json.loads(_document(file, lambda key, _: key in _OF_PAGES))
    return json.dumps(_cut_to_pages(document), indent=4).encode()


def _cut_to_pages(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut_to_pages(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    inside = {key: _cut_to_pages(item) for key, item in value.items()}
    pages = inside.get("pageNumberArray")
    if isinstance(pages, list):
        shapes = {key: inside[key][: len(pages)] for key in ("polys", "boundingPoly")}
        return inside | shapes
    return inside


def without_json_content(file: bytes) -> bytes:
    """A document without the address of its text."""
    return _document(file, lambda key, _: key == "jsonContent")


def quoted_as_the_sdk_does(file: bytes) -> bytes:
    """A list of classes with names in apostrophes in a row, and with bare ones in lines."""
    text = file.decode()
    around = "'" if "names: [" in text else ""
    return _QUOTED.sub(lambda found: f"{around}{json.loads(found[0])}{around}", text).encode()


def renamed(files: Files) -> dict[str, bytes]:
    """An archive's files with the external ids that they tell made safe."""
    return {path: _with_safe_names(data) for path, data in files.items()}


def _with_safe_names(data: bytes) -> bytes:
    for name, safe in SAFE_NAMES.items():
        quoted, other = json.dumps(name), json.dumps(safe)
        data = data.replace(f'"externalId": {quoted}'.encode(), f'"externalId": {other}'.encode())
        data = data.replace(f"\n{name},http".encode(), f"\n{safe},http".encode())
    return data


def _document(file: bytes, is_left_out: Callable[[str | None, Any], bool]) -> bytes:
    return json.dumps(_without(json.loads(file), is_left_out), indent=4).encode()


def _without(value: Any, is_left_out: Callable[[str | None, Any], bool]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without(item, is_left_out)
            for key, item in value.items()
            if not is_left_out(key, item)
        }
    if isinstance(value, list):
        return [_without(item, is_left_out) for item in value if not is_left_out(None, item)]
    return value
