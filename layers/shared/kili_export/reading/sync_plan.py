"""What brings a folder to what it shall hold: a merge of lists that are sorted by path.

Nothing here grows with the folder, but for files outside of memory.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.file_paths import folded
from kili_export.reading.folder_change import FileStep, FolderChange
from kili_export.reading.following_folder import FollowedFile, FollowedFiles, FollowingFolder
from kili_export.reading.sync_sources import WantedFile, WantedFiles
from kili_export.splicing.entry_record import Record
from kili_export.storage.external_sort import SortedDocuments, joined

_SHOWN = 5
Keyed = Iterable[tuple[bytes, object]]


@dataclass(slots=True)
class Plan:
    """A change, the number of files after it, and the archives that its steps name by number."""

    wanted: WantedFiles
    change: FolderChange = field(default_factory=FolderChange)
    files: int = 0
    archives: list[StoredArchive] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def place(self, file: WantedFile) -> tuple[int, Record] | None:
        """Where a file stands."""
        if file.place is None:
            return None
        archive, record = file.place
        number = self._numbers.setdefault(archive.source.key, len(self.archives))
        if number == len(self.archives):
            self.archives.append(archive)
        return number, record


class Names:
    """How the file system of a folder compares names."""

    def __init__(self, folder: FollowingFolder) -> None:
        self.folds = folder.folds_names()
        self.key: Callable[[str], str] = folded if self.folds else str

    def of(self, known: FollowedFiles) -> Keyed:
        """The files that sync wrote, ascending by what their names are compared by."""
        if not self.folds:
            return known.files()
        return self.of_paths(path.decode() for path, _ in known.files())

    def of_paths(self, paths: Iterable[str]) -> Keyed:
        """Paths, ascending by what names are compared by."""
        found = SortedDocuments()
        for path in paths:
            found.add(self.key(path))
        return found


def plan_change(known: FollowedFiles, wanted: WantedFiles, strangers: SortedDocuments) -> Plan:
    """What makes a folder hold exactly the files that are wanted.

    `strangers` are files that somebody else put there and that shall go. Raises what reading the
    wanted files raises.
    """
    plan = Plan(wanted)
    had: Iterator[tuple[bytes, object]] = known.files()
    shall = ((file.path.encode(), file) for file in wanted.files)
    for key, (have, want, _) in joined(had, shall, strangers):
        step = None
        if not isinstance(want, WantedFile):
            step = FileStep("remove", key.decode())
        else:
            plan.files += 1
            step = _step(plan, have if isinstance(have, FollowedFile) else None, want)
        if step is not None:
            plan.change.add(step)
    return plan


def _step(plan: Plan, have: FollowedFile | None, want: WantedFile) -> FileStep | None:
    if have is None or have.is_damaged or have.digest != want.digest:
        return FileStep(
            "write",
            want.path,
            want.digest,
            want.date,
            is_ours=have is not None,
            is_damaged=have is not None and have.is_damaged,
            place=plan.place(want),
        )
    date = want.date
    if have.date is None or date is None or have.date == date:
        return None
    return FileStep("date", want.path, date=date)


def strangers(folder: FollowingFolder, known: FollowedFiles) -> SortedDocuments:
    """The files below a folder that sync did not write. Raises InvalidConfiguration."""
    names, found, foreign = Names(folder), SortedDocuments(), SortedDocuments()
    for path in folder.present():
        try:
            found.add(names.key(path), path)
        except UnicodeEncodeError:
            raise InvalidConfiguration(
                f"{path!r} has a name that is no UTF-8, which cannot be removed: move it away."
            ) from None
    for path, is_ours in _marked(found, names.of(known)):
        if not is_ours:
            foreign.add(path)
    return foreign


def _marked(rows: Iterable[tuple[bytes, Any]], keys: Keyed) -> Iterator[tuple[Any, bool]]:
    """The documents of rows, and whether their key is among the keys; both come by key."""
    remaining = iter(keys)
    following = next(remaining, None)
    for key, document in rows:
        while following is not None and following[0] < key:
            following = next(remaining, None)
        yield document, following is not None and following[0] == key


def check_names(folder: FollowingFolder, known: FollowedFiles, plan: Plan) -> None:
    """Raises InvalidConfiguration for two files that the file system takes for one."""
    if not folder.folds_names():
        return
    names = SortedDocuments()
    steps: Iterable[tuple[bytes, object]] = (
        (one.path.encode(), one) for one in plan.change.steps("write", "remove")
    )
    for key, (_, step) in joined(known.files(), steps):
        if not (isinstance(step, FileStep) and step.kind == "remove"):
            names.add(folded(key.decode()), key.decode())
    before: tuple[bytes, str] = (b"", "")
    for key, path in names:
        if key == before[0]:
            raise InvalidConfiguration(
                f"The export has {before[1]!r} and {path!r}, which the file system of this folder "
                "takes for one file. Take a folder where case counts, or rename one in Kili."
            )
        before = key, path


def present_files(
    folder: FollowingFolder, known: FollowedFiles, change: FolderChange, *, delete: bool
) -> SortedDocuments:
    """Those of the files to write that are there already, though sync did not write them.

    Raises InvalidConfiguration when something else is in the way, unless it may be deleted.
    """
    names, met, present = Names(folder), SortedDocuments(), SortedDocuments()
    wanted = ((one.path, one.digest) for one in change.steps("write") if not one.is_ours)
    for one in folder.met(wanted):
        met.add(names.key(one.name), [one.path, one.name, one.is_same])
    if not len(met):
        return present
    in_the_way: list[str] = []
    more = 0
    ours, going = names.of(known), names.of_paths(change.paths("remove"))
    for ((path, name, is_same), is_ours), (_, goes) in zip(
        _marked(met, ours), _marked(met, going), strict=True
    ):
        # The export has no file there any more, or one whose name differs in case.
        if is_ours or goes:
            continue
        if is_same:
            present.add(path)
        elif len(in_the_way) < _SHOWN:
            in_the_way.append(name)
        else:
            more += 1
    if in_the_way and not delete:
        shown = ", ".join(in_the_way) + (f" and {more} more" if more else "")
        raise InvalidConfiguration(
            f"Files are in the way that sync did not write: {shown}. Move them "
            "away, or let sync remove all such files with --delete."
        )
    return present
