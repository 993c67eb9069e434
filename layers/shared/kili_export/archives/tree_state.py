"""`tree.json`: which generation the tree of an export holds, and which invocations write it."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from pydantic import ValidationError

from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import tree_state_key
from kili_export.core.document import Document, PublishedDocument
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.storage.object_store import ObjectStore

LONGEST_INVOCATION: Final = timedelta(minutes=16)
"""No invocation lasts longer, and no request of one."""
_TRIES: Final = 5
_log = logging.getLogger(__name__)


class TreeWriter(Document):
    """An invocation that began to bring the tree to `version`; after `until` it has ended.

    Until then it may still put files, even if another one went on in its place.
    """

    writer: str
    version: str
    until: datetime


class TreeState(PublishedDocument):
    """What a tree holds.

    While `status` is `applying`, files of `generation` are being replaced by those of
    `next_generation`, each at once; `generation` is 0 while the first ones come. All is done of the
    files up to the path `applied_to`, by their UTF-8 bytes. `left_out` are files whose key would be
    longer than S3 allows. `ended_at`: the tree has not followed the export since then.
    """

    schema_version: Literal[1] = 1
    status: Literal["current", "applying"] = "current"
    project_id: str
    export_name: str
    lineage: str | None = None
    generation: int = 0
    version: str = ""
    published_at: datetime | None = None
    next_generation: int | None = None
    next_version: str | None = None
    applied_to: str = ""
    left_out: tuple[str, ...] = ()
    writers: tuple[TreeWriter, ...] = ()
    ended_at: datetime | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The state of a tree that holds what this manifest names."""
        return cls(
            project_id=manifest.project_id,
            export_name=manifest.export_name,
            lineage=manifest.lineage,
            generation=manifest.generation,
            version=manifest.files_version,
            published_at=manifest.published_at,
        )

    def holds(self, manifest: Manifest) -> bool:
        """Whether it has the files that this manifest names, and nobody changes them."""
        return (self.status, self.lineage, self.version, self.ended_at) == (
            "current",
            manifest.lineage,
            manifest.files_version,
            None,
        )

    def live(self, now: datetime) -> tuple[TreeWriter, ...]:
        """Those of its writers that may still put files.

        One that would go on for far longer than any can began while the clock was ahead.
        """
        latest = now + 2 * LONGEST_INVOCATION
        return tuple(one for one in self.writers if now < one.until <= latest)


def load_tree_state(
    objects: ObjectStore, project_id: str, export: str
) -> tuple[TreeState | None, str | None]:
    """What the tree holds, with the ETag that a change depends on; None where there is none.

    Raises IntegrityError when it cannot be read.
    """
    key = tree_state_key(project_id, export)
    found = objects.get(key)
    if found is None:
        return None, None
    try:
        return TreeState.from_bytes(found[0]), found[1].etag
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            f"{key} cannot be read: it is damaged, or a later version of kili-export wrote it. "
            "Delete it: the tree is then compared as a whole"
        ) from error


def put_tree_state(objects: ObjectStore, state: TreeState, etag: str | None) -> str:
    """Replaces `tree.json`. Answers the ETag.

    Raises ConflictError when somebody else replaced it first.
    """
    key = tree_state_key(state.project_id, state.export_name)
    data = state.to_bytes()
    try:
        return objects.put(
            key,
            data,
            if_match=etag,
            if_none_match=etag is None,
            content_type="application/json",
        ).etag
    except ConflictError:
        # The answer to a first try may have been lost.
        found = objects.get(key)
        if found is not None and found[0] == data:
            return found[1].etag
        raise


def is_tree_behind(state: TreeState | None, manifest: Manifest, now: datetime) -> bool:
    """Whether a tree lacks what is published, and no invocation is delivering it."""
    if manifest.ended_at is not None or not manifest.has_tables:
        return False
    return state is None or not (state.holds(manifest) or state.live(now))


def end_trees(objects: ObjectStore, project_id: str, exports: Iterable[str], now: datetime) -> None:
    """Marks trees that no longer follow their exports; their files stay.

    A tree whose state cannot be read stays as it is: no reader takes it for current. Raises
    ConflictError when a state keeps being written.
    """
    for export in exports:
        try:
            _end(objects, project_id, export, now)
        except IntegrityError as error:
            _log.warning("the tree of export %s is not marked as ended: %s", export, error)


def _end(objects: ObjectStore, project_id: str, export: str, now: datetime) -> None:
    for _ in range(_TRIES):
        state, etag = load_tree_state(objects, project_id, export)
        if state is None or state.ended_at is not None:
            return
        try:
            put_tree_state(objects, state.model_copy(update={"ended_at": now}), etag)
        except ConflictError:
            continue
        return
    raise ConflictError(f"the tree of export {export} keeps being written; try again")
