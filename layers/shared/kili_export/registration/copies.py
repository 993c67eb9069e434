"""Copies of what exists once: registrations, and the keys of pseudonyms.

All else in the bucket can be made again from Kili. The copies are in a bucket of their own, which
keeps versions and which no function reaches: the commands that change the originals keep them.
"""

from collections.abc import Iterable

from kili_export.core.bucket_layout import pseudonyms_key, registration_key
from kili_export.core.errors import ConflictError
from kili_export.storage.object_store import ObjectStore


def keep_copies(objects: ObjectStore, copies: ObjectStore, project_id: str) -> None:
    """Brings the copies of a project in line with its originals, also where these are gone."""
    for key in _keys(project_id):
        found = objects.get(key)
        if found is None:
            copies.delete([key])
        else:
            copies.put(key, found[0], content_type="application/json")


def erase_copies(copies: ObjectStore, project_id: str) -> None:
    """Removes the copies of a project with all their versions."""
    for key in _keys(project_id):
        copies.delete([key])
        copies.delete_versions(key, current=True)


def restore_pseudonym_key(objects: ObjectStore, copies: ObjectStore, project_id: str) -> None:
    """Puts the key back where it is missing: another one would give authors other pseudonyms."""
    _put_back(objects, copies, [pseudonyms_key(project_id)])


def restore_copies(objects: ObjectStore, copies: ObjectStore) -> tuple[str, ...]:
    """Puts back whatever is missing of all projects; what is there stays. Answers the keys."""
    return _put_back(objects, copies, [stored.key for stored in copies.list("")])


def _put_back(objects: ObjectStore, copies: ObjectStore, keys: Iterable[str]) -> tuple[str, ...]:
    restored = []
    for key in keys:
        found = copies.get(key)
        if found is None or objects.head(key) is not None:
            continue
        try:
            objects.put(key, found[0], if_none_match=True, content_type="application/json")
        except ConflictError:
            # Somebody else put it there at the same moment.
            continue
        restored.append(key)
    return tuple(restored)


def _keys(project_id: str) -> tuple[str, str]:
    return registration_key(project_id), pseudonyms_key(project_id)
