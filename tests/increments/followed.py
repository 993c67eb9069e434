"""Follows a history by increments, and compares each state with a full export of it."""

import io
import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.loss_report.report_document import AssetLosses
from kili_export.archives.manifest import Manifest
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.reading.read_report import read_report
from kili_export.splicing.part_limits import PartLimits
from tests.increments.kinds import Kind
from tests.increments.sequences import History, Step
from tests.increments.world import World
from tests.support.workbench import Workbench

_LARGEST_NUMBER = 2**53 - 1
_EVERYTHING = 1000
_COCO = b'{"info": '
Files = Mapping[str, bytes]
_Number = tuple[str, str, str]
"""A namespace of numbers, an asset and what of it is numbered."""

_DELTA_FIRST = CompactionPolicy(tiny=0, large_share=math.inf)


@dataclass
class Tally:
    """By format, what was compared."""

    sequences: Counter[str] = field(default_factory=Counter)
    archives: Counter[str] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)


class NotEqual(AssertionError):
    """An increment differs from a full export; `export` tells which."""

    def __init__(self, export: ExportOptions, problem: str) -> None:
        super().__init__(f"{export}: {problem}")
        self.export = export


def follow(kind: Kind, history: History, tally: Tally) -> None:
    """Runs a history. Raises NotEqual at the first state that increments get wrong."""
    exports = {str(number): one for number, one in enumerate(history.exports)}
    limits = (
        PartLimits(min_part=1, rewrite_below=0, copy_from=1) if history.spliced else PartLimits()
    )
    world = World(kind)
    world.begin()
    bench = Workbench(
        kind.project(),
        exports,
        kili=world.kili,
        limits=limits,
        batch_size=history.batch_size,
        sharding=history.sharding,
        # Deltas are published before the archive, or with it.
        rewriting=_DELTA_FIRST if history.spliced else CompactionPolicy(),
    )
    following = _Following(world, bench, tally)
    following.run("rebuild")
    for step in history.steps:
        following.step(step)
    following.step(Step((), "increment"))
    following.rebuild_like_new()
    for options in exports.values():
        tally.sequences[options.format] += 1


@dataclass
class _Following:
    world: World
    bench: Workbench
    tally: Tally
    turned: bool = False
    given: dict[str, dict[_Number, int]] = field(default_factory=dict)
    """By export, every number that was ever given."""

    def step(self, step: Step) -> None:
        self.world.happen(step.events)
        if step.mode == "interface":
            self.turned = not self.turned
            self.bench.project = self.world.kind.project(turned=self.turned)
        before = {name: self._state(name) for name in self.bench.options}
        self.run(step.mode)
        for name in self.bench.options:
            self._check_delta(name, *before[name])
            self._check_numbers(name)
        if self.world.settled:
            self._compare()

    def run(self, mode: str) -> None:
        marked, self.world.marked = self.world.marked, set()
        if mode == "increment":
            if marked:
                self.bench.run(sorted(marked), confirmed_removals=_EVERYTHING)
            return
        self.world.late = set()
        self.bench.rebuild(confirmed_removals=_EVERYTHING)

    def rebuild_like_new(self) -> None:
        """A rebuild of what increments led to has the bytes of a first full export."""
        fresh = self._fresh()
        self.bench.rebuild(confirmed_removals=_EVERYTHING)
        for name, options in self._comparable():
            self._equal(options, self.bench.files(name), fresh.files(name), "rebuilt")
            mine, new = (list(_physical(one, name)) for one in (self.bench, fresh))
            if mine != new:
                raise NotEqual(options, f"rebuilt in another order: {mine} instead of {new}")

    def _compare(self) -> None:
        fresh = self._fresh()
        for name, options in self._comparable():
            self._equal(options, self.bench.files(name), fresh.files(name), "files")
            mine, new = self.bench.manifest(name), fresh.manifest(name)
            for told, expected in zip(_told(mine), _told(new), strict=True):
                if told != expected:
                    raise NotEqual(options, f"tells {told} instead of {expected}")
            mine_lost, new_lost = (_lost(one, name) for one in (self.bench, fresh))
            if mine_lost != new_lost:
                raise NotEqual(options, f"reports {mine_lost} instead of {new_lost}")

    def _comparable(self) -> Iterator[tuple[str, ExportOptions]]:
        """Exports that hold no last good files of an asset in quarantine: a first one has none."""
        for name, options in self.bench.options.items():
            manifest = self.bench.manifest(name)
            quarantined = {one.asset_id for one in manifest.quarantined}
            ledger = open_ledger(self.bench.objects, manifest)
            if quarantined.isdisjoint(record.asset_id for record in ledger.all()):
                yield name, options

    def _fresh(self) -> Workbench:
        self.world.refresh()
        fresh = Workbench(
            self.bench.project,
            self.bench.options,
            kili=self.world.kili,
            sharding=self.bench.sharding,
        )
        fresh.rebuild()
        return fresh

    def _equal(self, options: ExportOptions, mine: Files, new: Files, what: str) -> None:
        if mine.keys() != new.keys():
            lost, more = sorted(new.keys() - mine.keys()), sorted(mine.keys() - new.keys())
            raise NotEqual(options, f"{what}: {lost} are missing, {more} should not be there")
        for path, data in comparable(mine).items():
            expected = comparable({path: new[path]})[path]
            if data != expected:
                raise NotEqual(options, f"{what}: {path} is {data!r} instead of {expected!r}")
        self.tally.archives[options.format] += 1
        self.tally.members[options.format] += len(mine)

    def _state(self, name: str) -> tuple[int, Files]:
        return self.bench.manifest(name).generation, self.bench.files(name)

    def _check_delta(self, name: str, generation: int, before: Files) -> None:
        """What the generation tells of its changes leads from the archive before to it."""
        manifest, after = self.bench.manifest(name), self.bench.files(name)
        if manifest.generation != generation:
            delta = self.bench.files_at(manifest.recent_deltas[-1].key)
            changes = json.loads(delta["delta.json"])
            brought = {path: data for path, data in delta.items() if path != "delta.json"}
            gone = {one["path"] for one in changes["removed"]}
            if not gone <= before.keys():
                raise NotEqual(self.bench.options[name], f"removes {gone - before.keys()}")
            before = {path: data for path, data in before.items() if path not in gone} | brought
        # What differs by its signature alone is no change.
        before, after = ({p: _unsigned(data) for p, data in one.items()} for one in (before, after))
        if before != after:
            different = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
            raise NotEqual(self.bench.options[name], f"the delta does not tell of {different}")

    def _check_numbers(self, name: str) -> None:
        """Numbers stay as long as their asset, and are never given to two things."""
        options = self.bench.options[name]
        given = self.given.setdefault(name, {})
        numbers = _numbers(open_ledger(self.bench.objects, self.bench.manifest(name)).all())
        for place, number in numbers.items():
            if not 0 <= number <= _LARGEST_NUMBER:
                raise NotEqual(options, f"{place} has the number {number}")
            # Other keys than the closest lead to the number of the one that follows.
            closest = options.export_type is ExportType.LATEST or place[2].startswith("label ")
            if closest and given.setdefault(place, number) != number:
                raise NotEqual(options, f"{place} was {given[place]} and is {number}")
        bearers = {(space, number, asset_id) for (space, asset_id, _), number in given.items()}
        owners = Counter((space, number) for space, number, _ in bearers)
        if shared := [one for one, count in owners.items() if count > 1]:
            raise NotEqual(options, f"numbers were given to several assets: {shared}")
        now = {place: number for place, number in numbers.items() if place in given}
        borne = Counter((place[0], number) for place, number in now.items())
        if shared := [one for one, count in borne.items() if count > 1]:
            raise NotEqual(options, f"several labels have the numbers {shared}")
        for path, data in self.bench.files(name).items():
            if data.startswith(_COCO):
                _check_document(options, path, json.loads(data), numbers)


def _told(manifest: Manifest) -> tuple[Any, ...]:
    """What must be the same for everybody: not lengths, which numbers and signatures have.

    An asset that is quarantined is known where it was once exported.
    """
    quarantined = sorted(one.asset_id for one in manifest.quarantined)
    counts = manifest.counts
    assets = None if quarantined else counts.assets
    return (
        quarantined,
        assets,
        counts.exported,
        counts.members,
        manifest.losses,
        manifest.classes,
        manifest.counted,
    )


def _lost(bench: Workbench, name: str) -> tuple[AssetLosses, ...]:
    return read_report(bench.objects, bench.project.project_id, name).assets


def comparable(files: Files) -> dict[str, Any]:
    """Without signatures; numbers of COCO replaced by what they stand for."""
    return {
        path: _unnumbered(json.loads(data)) if data.startswith(_COCO) else _unsigned(data)
        for path, data in files.items()
    }


def _unsigned(data: bytes) -> bytes:
    return re.sub(rb"X-Signature=\d+", b"", data)


def _unnumbered(document: dict[str, Any]) -> dict[str, Any]:
    places = {image["id"]: place for place, image in enumerate(document["images"])}
    images = [{**image, "id": None} for image in document["images"]]
    annotations = [
        {**one, "id": None, "image_id": places[one["image_id"]]} for one in document["annotations"]
    ]
    return {**document, "images": images, "annotations": annotations}


def _numbers(records: Iterable[AssetRecord]) -> dict[_Number, int]:
    return {
        (namespace, record.asset_id, key): number
        for record in records
        for namespace, numbers in record.ids.items()
        for key, number in numbers.items()
    }


def _check_document(
    options: ExportOptions, path: str, document: dict[str, Any], numbers: Mapping[_Number, int]
) -> None:
    for kind in ("image", "annotation"):
        found = [one["id"] for one in document[f"{kind}s"]]
        if len(found) != len(set(found)):
            raise NotEqual(options, f"{path}: {kind}s share numbers: {found}")
        known = {number for place, number in numbers.items() if place[0] == f"{path}:{kind}"}
        if not known.issuperset(found):
            raise NotEqual(options, f"{path}: nobody remembers {set(found) - known}")


def _physical(bench: Workbench, name: str) -> Iterable[str]:
    """The archive's files in the order of their bytes."""
    archive = bench.objects.stored[bench.manifest(name).archive.key][0]
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        entries = sorted(opened.infolist(), key=lambda one: one.header_offset)
    return [one.filename for one in entries]
