"""Keeps the key that the pseudonyms of a project's authors are made with.

It lies beside the project's state, where readers of the exports have no access, and is erased
with everything else of the project: from then on no pseudonym that somebody copied leads back.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from kili_export.core.bucket_layout import pseudonyms_key
from kili_export.core.clock import RandomSource
from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.core.export_options import Authors
from kili_export.registration.declaration import ExportDeclaration
from kili_export.storage.object_store import ObjectStore

_TOKENS = 4
"""A token has 64 random bits."""


def provide_key(
    objects: ObjectStore,
    random: RandomSource,
    project_id: str,
    exports: Iterable[ExportDeclaration],
) -> None:
    """Makes the project's key if an export needs one and there is none. It never changes."""
    if not _needed(exports) or objects.head(pseudonyms_key(project_id)) is not None:
        return
    made = PseudonymKey(key="".join(random.token() for _ in range(_TOKENS)))
    try:
        objects.put(
            pseudonyms_key(project_id),
            made.to_bytes(),
            if_none_match=True,
            content_type="application/json",
        )
    except ConflictError:
        # Somebody else registered at the same moment: theirs is as good, and it stays.
        return


def keys_by_export(
    objects: ObjectStore, project_id: str, exports: Iterable[ExportDeclaration]
) -> dict[str, str]:
    """The keys of the exports that have pseudonyms; empty when the project's key is missing.

    Raises IntegrityError when it cannot be read.
    """
    named = [export.name for export in exports if export.authors is Authors.PSEUDONYMOUS]
    found = objects.get(pseudonyms_key(project_id)) if named else None
    if found is None:
        return {}
    try:
        stored = PseudonymKey.from_bytes(found[0])
    except (ValidationError, ValueError):
        # The error would show the key.
        raise IntegrityError(f"{pseudonyms_key(project_id)} cannot be read") from None
    return {name: key_of_export(stored.key, name) for name in named}


def _needed(exports: Iterable[ExportDeclaration]) -> bool:
    return any(export.authors is Authors.PSEUDONYMOUS for export in exports)


class PseudonymKey(Document):
    """256 random bits as hexadecimal digits. They turn pseudonyms back into authors."""

    schema_version: Literal[1] = 1
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]


def key_of_export(project_key: str, export: str) -> str:
    """The key of one export's pseudonyms, from that of its project."""
    return hmac.new(bytes.fromhex(project_key), export.encode(), hashlib.sha256).hexdigest()
