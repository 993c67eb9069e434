"""Keeps a tree of objects equal to an export: one object for each file, below `tree/`.

`archives/tree_state.py` says which generation the tree holds. That changes only when all files are
in place and nobody else can put any of another generation: an invocation that began and did not end
in order is believed to put files until it must have ended. Until then the tree counts as being
changed, and the next delivery compares what may have been put.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.tree_state import (
    LONGEST_INVOCATION,
    TreeState,
    TreeWriter,
    load_tree_state,
    put_tree_state,
)
from kili_export.core.bucket_layout import tree_prefix
from kili_export.core.clock import Clock, RandomSource, TimeLeft
from kili_export.core.errors import InvalidConfiguration, OutOfTime
from kili_export.reading.prefix_writer import WHOLE, WORKERS, PrefixWriter
from kili_export.reading.tree_steps import TreeStep, tree_steps
from kili_export.registration.stored_registrations import load_registration
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.upload_parts import CopyRange
from kili_export.storage.object_store import ObjectStore

_AT_ONCE: Final = 512
"""Files between two records of progress in `tree.json`."""
_BYTES_AT_ONCE: Final = 1 << 30
_MOST_LEFT_OUT: Final = 100


@dataclass(frozen=True, slots=True)
class DeliverTree:
    """The use case. `most` is how many files one call may change, if it may not change all."""

    objects: ObjectStore
    clock: Clock
    random: RandomSource
    workers: int = WORKERS
    most: int | None = None
    at_once: int = _AT_ONCE

    def __call__(self, project_id: str, export: str, time_left: TimeLeft | None = None) -> None:
        """Brings the tree to what is published. Doing it again changes nothing.

        Raises OutOfTime when a further call has to go on, ConflictError when another one went on
        in its place, IntegrityError when what is stored is not what it should be,
        InvalidConfiguration when too many files have names that are too long for keys.
        """
        manifest, _ = load_manifest(self.objects, project_id, export)
        if manifest is None or manifest.ended_at is not None or not manifest.has_tables:
            return
        state, etag = load_tree_state(self.objects, project_id, export)
        if state is not None and state.holds(manifest):
            return
        is_begun = state is not None and state.ended_at is None
        if not is_begun and not self._is_declared(project_id, export):
            # Its declaration changed after the run was planned: nothing would ever end this tree.
            return
        with ThreadPoolExecutor(self.workers, "put") as pool:
            writer = PrefixWriter(self.objects, tree_prefix(project_id, export), pool)
            delivery = _Delivery(self, manifest, writer, _Followed(self.objects, state, etag))
            delivery.begin(state)
            delivery.apply(time_left)

    def _is_declared(self, project_id: str, export: str) -> bool:
        registration = load_registration(self.objects, project_id)
        exports = registration.exports if registration else ()
        return any(one.name == export and one.has_tree for one in exports)


class _Followed:
    """`tree.json`, as this invocation wrote it last."""

    def __init__(self, objects: ObjectStore, state: TreeState | None, etag: str | None) -> None:
        self._objects, self._etag = objects, etag
        self.state = state

    def put(self, state: TreeState) -> None:
        """Raises ConflictError when somebody else wrote it meanwhile."""
        self._etag = put_tree_state(self._objects, state, self._etag)
        self.state = state


class _Delivery:
    """One invocation's part in bringing a tree to one manifest."""

    def __init__(
        self, order: DeliverTree, manifest: Manifest, writer: PrefixWriter, followed: _Followed
    ) -> None:
        self._order, self._manifest = order, manifest
        self._writer, self._followed = writer, followed
        now = order.clock.now()
        self._me = TreeWriter(
            writer=order.random.token(),
            version=manifest.files_version,
            until=now + LONGEST_INVOCATION,
        )
        self._compares = False
        """Whether files may be there already, of a former try."""
        self._applied_to = ""
        self._left_out: set[str] = set()

    def begin(self, before: TreeState | None) -> None:
        """Records this invocation as a writer; resumes a former delivery of the same version."""
        manifest, me = self._manifest, self._me
        if before is None or before.ended_at is not None:
            # A tree that was not followed for a while may hold anything.
            before = TreeState(
                project_id=manifest.project_id,
                export_name=manifest.export_name,
                left_out=before.left_out if before else (),
                writers=before.writers if before else (),
            )
        goes_on = before.next_version == me.version and self._are_ours(before.writers)
        self._compares = bool(before.writers)
        self._applied_to = before.applied_to if goes_on else ""
        self._left_out = set(before.left_out)
        live = before.live(self._order.clock.now())
        self._followed.put(
            before.model_copy(
                update={
                    "status": "applying",
                    "next_generation": manifest.generation,
                    "next_version": me.version,
                    "applied_to": self._applied_to,
                    "writers": (*live, me),
                }
            )
        )

    def apply(self, time_left: TimeLeft | None) -> None:
        """Puts and removes, in the order of paths. Raises OutOfTime when it has to go on."""
        steps = tree_steps(self._order.objects, self._manifest, self._state, self._writer)
        done = 0
        for some in _chunks(steps, self._order.at_once):
            if self._is_over(time_left, done):
                # Every put is done, so this invocation no longer counts as a writer.
                self._followed.put(self._reached.model_copy(update={"writers": self._others}))
                raise OutOfTime(f"the tree of {self._manifest.export_name} is not complete")
            if done:
                self._followed.put(self._reached)
            self._change(some)
            self._note(some)
            done += len(some)
        self._end()

    @property
    def _state(self) -> TreeState:
        if self._followed.state is None:
            raise InvalidConfiguration("the delivery was not begun")
        return self._followed.state

    def _are_ours(self, writers: Iterable[TreeWriter]) -> bool:
        """Whether what they may put is what this one puts."""
        return all(one.version == self._me.version for one in writers)

    def _is_over(self, time_left: TimeLeft | None, done: int) -> bool:
        most = self._order.most
        return (
            (time_left is not None and time_left.is_up())
            or (most is not None and done >= most)
            or self._order.clock.now() >= self._me.until
        )

    @property
    def _reached(self) -> TreeState:
        """`tree.json` with the progress so far."""
        left_out = tuple(sorted(self._left_out))
        return self._state.model_copy(update={"applied_to": self._applied_to, "left_out": left_out})

    @property
    def _others(self) -> tuple[TreeWriter, ...]:
        return tuple(one for one in self._state.writers if one.writer != self._me.writer)

    def _end(self) -> None:
        """Says that the tree holds the generation, unless others may still put another one's."""
        others = self._state.model_copy(update={"writers": self._others})
        live = others.live(self._order.clock.now())
        if self._are_ours(live):
            state = TreeState.of(self._manifest).model_copy(
                update={"writers": live, "left_out": self._reached.left_out}
            )
        else:
            state = self._reached.model_copy(update={"writers": self._others, "applied_to": ""})
        self._followed.put(state)

    def _note(self, steps: Sequence[TreeStep]) -> None:
        """These are done. Raises InvalidConfiguration when too many were left out."""
        self._applied_to = steps[-1].path
        for step in steps:
            if step.place is not None and not self._writer.takes(step.path):
                self._left_out.add(step.path)
            else:
                self._left_out.discard(step.path)
        if len(self._left_out) > _MOST_LEFT_OUT:
            raise InvalidConfiguration(
                f"More than {_MOST_LEFT_OUT} files of export {self._manifest.export_name} have "
                "names that are too long for keys of S3 below tree/."
            )

    def _change(self, steps: Iterable[TreeStep]) -> None:
        possible = [step for step in steps if self._writer.takes(step.path)]
        wanted = {step.path: step for step in possible if step.place is not None}
        uncertain = {
            path: step.digest for path, step in wanted.items() if step.is_present or self._compares
        }
        for path in self._writer.put_before(uncertain):
            del wanted[path]
        self._writer.remove(step.path for step in possible if step.place is None)
        for archive, records in _by_archive(wanted.values()):
            self._put(archive, records, wanted)
        self._writer.settle()

    def _put(
        self, archive: StoredArchive, records: Iterable[Record], wanted: Mapping[str, TreeStep]
    ) -> None:
        read = []
        for record in records:
            if record.method == STORED and record.size > WHOLE:
                # No byte of it moves through here.
                contents = CopyRange(archive.source, record.payload_start, record.size)
                self._writer.copy(record.path, wanted[record.path].digest, contents)
            else:
                read.append(record)
        for record, chunks in iter_contents(archive, read):
            self._writer.stage(record.path, wanted[record.path].digest, chunks)


def _by_archive(steps: Iterable[TreeStep]) -> Iterable[tuple[StoredArchive, list[Record]]]:
    found: dict[str, tuple[StoredArchive, list[Record]]] = {}
    for step in steps:
        if step.place is not None:
            archive, record = step.place
            found.setdefault(archive.source.key, (archive, []))[1].append(record)
    return found.values()


def _chunks(steps: Iterable[TreeStep], most: int) -> Iterator[list[TreeStep]]:
    """Steps in groups of at most `most` files or about a GiB."""
    some: list[TreeStep] = []
    size = 0
    for step in steps:
        some.append(step)
        size += step.place[1].size if step.place else 0
        if len(some) >= most or size >= _BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some
