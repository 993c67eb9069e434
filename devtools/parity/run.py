"""Compares projects one after another: ours by stack and in one process, theirs by the SDK."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from devtools.parity.changes import Changes
from devtools.parity.combinations import Combination
from devtools.parity.comparison import Files, files_of
from devtools.parity.corrected import Corrected
from devtools.parity.differences import SoundSide, sound_sides
from devtools.parity.loop import Loop, NotPublished
from devtools.parity.one_shot_side import OneShotSide
from devtools.parity.projects import ParityProject
from devtools.parity.results import Judge, Result
from devtools.parity.sdk_side import SdkExport, SdkSide
from kili_export.local.kili_standin import KiliWorld
from kili_export.local.kili_standin.state.model import Project

_CHANGES = 40
_CALLS_SECONDS = 60.0


@dataclass(frozen=True)
class Parity:
    """Both sides on one Kili. `tell` gets a line at each step."""

    world: KiliWorld
    loop: Loop
    sdk: SdkSide
    one_shot: OneShotSide
    seed: int
    tell: Callable[[str], None]

    def compare(self, one: ParityProject, combinations: Sequence[Combination]) -> list[Result]:
        """Every combination of a project as it is, then some of them after random changes."""
        project = self.world.add_project(one.make(self.seed))
        comparison = _Comparison(self, one, project)
        results = comparison.of(combinations)
        if one.changes:
            # What was refused cannot be followed.
            fit = [r.combination for r in results if r.equal + r.in_meaning and not r.note]
            results += comparison.after_changes(_varied(fit))
        self.loop.forget(project.id)
        self.one_shot.forget(project.id)
        with self.world.lock:
            del self.world.projects[project.id]
        return results


def _varied(combinations: Sequence[Combination]) -> list[Combination]:
    """One of each format, with and without media, in one file and in many; quick ones first."""
    chosen: dict[tuple[object, ...], Combination] = {}
    for one in sorted(combinations, key=lambda one: not one.quick):
        named = ("with_assets", "single_file", "compatibility")
        kind = (one.format, *map(one.options.get, named))
        chosen.setdefault(kind, one)
    return list(chosen.values())


class _Comparison:
    """One project on both sides."""

    def __init__(self, parity: Parity, one: ParityProject, project: Project) -> None:
        self._parity = parity
        self._one = one
        self._project = project
        self._judge = Judge(one.name, one.rows)

    def of(self, combinations: Sequence[Combination]) -> list[Result]:
        """Compares the project as it is now."""
        results = [Result(self._one.name, combination) for combination in combinations]
        pending = self._exported(combinations)
        names = [f"e{number}" for number in range(len(combinations))]
        refusals = self._refusals(combinations, names)
        archives = self._archives(combinations, names, refusals, results)
        self._one_shot(combinations, names, archives, results)
        unsound: list[_Unsound] = []
        for name, result, future in zip(names, results, pending, strict=True):
            theirs = future.result()
            if (refusal := refusals[name]) is not None:
                self._judge.refused(result, refusal, theirs)
            elif (ours := archives.get(name)) is not None:
                if theirs.archive is not None:
                    unsound += self._compared(result, files_of(ours), files_of(theirs.archive))
                elif self._judge.failed(result, theirs.message):
                    unsound += self._uncompared(result, files_of(ours))
        self._against_sound(unsound)
        return results

    def after_changes(self, combinations: Sequence[Combination]) -> list[Result]:
        """Changes the project at random while ours follows it, and compares what is then."""
        parity, project = self._parity, self._project
        parity.tell(f"{self._one.name}: {_CHANGES} changes, {len(combinations)} exports")
        results = [Result(self._one.name, one, f"after {_CHANGES} changes") for one in combinations]
        names = [f"followed{number}" for number in range(len(combinations))]
        declared = [one.declaration(name) for one, name in zip(combinations, names, strict=True)]
        try:
            parity.loop.export(project.id, declared)
            parity.one_shot.export(project.id, declared)
            self._change()
        except NotPublished as error:
            for result in results:
                result.blame(str(error))
            return results
        archives = parity.loop.archives(project.id, names)
        self._one_shot(combinations, names, archives, results)
        unsound: list[_Unsound] = []
        for name, result, future in zip(names, results, self._exported(combinations), strict=True):
            theirs = future.result()
            if theirs.archive is None:
                result.blame(f"the SDK fails: {theirs.message}")
            else:
                mine, new = files_of(archives[name]), files_of(theirs.archive)
                unsound += self._compared(result, mine, new)
        self._against_sound(unsound)
        return results

    def _compared(self, result: Result, ours: Files, theirs: Files) -> "Iterator[_Unsound]":
        """Judges archives, and answers what else has to be compared to excuse their differences."""
        corrected = self._corrected(result.combination)
        self._judge.archives(result, ours, theirs, corrected)
        if corrected is None:
            for side in sound_sides(result.rows):
                told = ours if side.told is None else side.told(ours)
                yield _Unsound(result, told, Judge(self._one.name, ()), side)

    def _uncompared(self, result: Result, ours: Files) -> "Iterator[_Unsound]":
        """With which project an archive has to be compared that the SDK cannot make of this one."""
        sides = sound_sides(result.rows)
        if not sides and self._one.sound is not None:
            sides = {SoundSide(self._one.sound)}
        for side in sides:
            yield _Unsound(result, ours, self._judge, side)

    def _change(self) -> None:
        """Makes changes and waits until ours has taken them up. Raises NotPublished."""
        world, loop, project = self._parity.world, self._parity.loop, self._project
        loop.follow(project.id)
        Changes(world, project, self._parity.seed).make(_CHANGES)
        if not world.courier.wait_idle(_CALLS_SECONDS):
            raise NotPublished("Kili's calls did not arrive")
        # No event announces a deleted label.
        loop.reconcile(project.id)
        loop.settle(project.id)

    def _exported(self, combinations: Sequence[Combination]) -> "list[Future[SdkExport]]":
        return [self._parity.sdk.export(self._project.id, one) for one in combinations]

    def _refusals(
        self, combinations: Sequence[Combination], names: Sequence[str]
    ) -> dict[str, str | None]:
        return {
            name: self._parity.loop.refusal(self._project.id, one.declaration(name))
            for name, one in zip(names, combinations, strict=True)
        }

    def _archives(
        self,
        combinations: Sequence[Combination],
        names: Sequence[str],
        refusals: dict[str, str | None],
        results: Sequence[Result],
    ) -> dict[str, bytes]:
        accepted = {
            name: one
            for name, one in zip(names, combinations, strict=True)
            if refusals[name] is None
        }
        self._parity.tell(
            f"{self._one.name}: {len(accepted)} exports, {len(names) - len(accepted)} refused"
        )
        declared = [one.declaration(name) for name, one in accepted.items()]
        try:
            return self._parity.loop.export(self._project.id, declared)
        except NotPublished as error:
            for name, result in zip(names, results, strict=True):
                if name in accepted:
                    result.blame(str(error))
            return {}

    def _one_shot(
        self,
        combinations: Sequence[Combination],
        names: Sequence[str],
        archives: Mapping[str, bytes],
        results: Sequence[Result],
    ) -> None:
        """Exports in one process what the stack published: both have the same files."""
        pairs = zip(names, combinations, strict=True)
        declared = [one.declaration(name) for name, one in pairs if name in archives]
        made = self._parity.one_shot.export(self._project.id, declared)
        for name, result in zip(names, results, strict=True):
            if name in archives:
                ours, theirs = files_of(made[name]), files_of(archives[name])
                self._judge.one_shot(result, ours, theirs)

    def _corrected(self, combination: Combination) -> Corrected | None:
        """How a corrected archive of the project as it is now is compared."""
        if not combination.is_corrected:
            return None
        with self._parity.world.lock:
            assets = self._project.assets.values()
            externals = {asset.id: asset.external_id for asset in assets}
            sizes = {asset.id: asset.resolution for asset in assets if asset.resolution}
        return Corrected(
            combination.format,
            externals,
            sizes,
            is_video=self._project.input_type == "VIDEO",
            with_media=bool(combination.options.get("with_assets")),
        )

    def _against_sound(self, unsound: Sequence["_Unsound"]) -> None:
        """Compares ours with what the SDK makes of the project without its flaws."""
        for side in {one.side for one in unsound}:
            self._parity.world.add_project(side.project(self._project))
            compared = [one for one in unsound if one.side == side]
            pending = self._exported([one.result.combination for one in compared])
            for one, future in zip(compared, pending, strict=True):
                theirs = future.result()
                if theirs.archive is None:
                    one.result.blame(f"the SDK fails on the sound project too: {theirs.message}")
                else:
                    one.judge.archives(one.result, one.ours, files_of(theirs.archive))
        if unsound:
            self._parity.world.add_project(self._project)


@dataclass(frozen=True)
class _Unsound:
    """An archive of ours that has to be the SDK's of a project without flaws, by a judge."""

    result: Result
    ours: Files
    judge: Judge
    side: SoundSide
