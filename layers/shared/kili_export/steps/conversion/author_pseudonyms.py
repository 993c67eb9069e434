"""Who made a label, in an export that is not to tell it.

A pseudonym is a keyed hash: with the key it is always the same for one author, without the key
nobody finds the author by trying out addresses. Exports have keys of their own, so that no
pseudonym of one is found in another. The labels themselves are: two exports of one project can be
put together by the files and times of their labels (see the threat model).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kili_export.core.asset import JsonObject, SelectedAsset
from kili_export.core.errors import IntegrityError
from kili_export.core.export_options import Authors

# The top-level domain that is reserved for names that lead nowhere (RFC 2606).
_NOWHERE = "authors.invalid"
_DIGITS = 16


def with_authors(asset: SelectedAsset, authors: Authors, key: str | None) -> SelectedAsset:
    """The asset, its labels' authors as the export is to tell them.

    An author becomes an object of the same fields as in Kili. Without an id or an address there
    is nobody to give a pseudonym to, and the author is left out. Raises IntegrityError when there
    is no `key` to make pseudonyms with.
    """
    if authors is Authors.KEEP:
        return asset
    if authors is Authors.OMIT:
        key = None
    elif key is None:
        raise IntegrityError("there is no key to make authors' pseudonyms with")
    return replace(asset, labels=tuple(_rewritten(label, key) for label in asset.labels))


def _rewritten(label: JsonObject, key: str | None) -> JsonObject:
    written = {name: value for name, value in label.items() if name != "author"}
    if key is not None and (who := _identity(label.get("author"))):
        written["author"] = _pseudonymous(who, key)
    return written


def _identity(author: Any) -> str:
    if not isinstance(author, Mapping):
        return ""
    return str(author.get("id") or author.get("email") or "")


def _pseudonymous(who: str, key: str) -> JsonObject:
    digest = hmac.new(bytes.fromhex(key), who.encode("utf-8", "surrogatepass"), hashlib.sha256)
    number = digest.hexdigest()[:_DIGITS]
    return {
        "id": f"author-{number}",
        "email": f"{number}@{_NOWHERE}",
        "firstname": "Author",
        "lastname": number,
    }
