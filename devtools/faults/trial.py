"""Plays stages, undisturbed and with one call broken, and judges what came of it."""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Self

from devtools.faults.branching import Branches
from devtools.faults.clients import connected
from devtools.faults.cloud import Cloud
from devtools.faults.deployment import Deployment, NeverSettles
from devtools.faults.injection import Decision, Kind, Point, kinds_of
from devtools.faults.judgement import (
    Seen,
    contradictions,
    differences,
    has_quarantined,
    leftovers,
    look,
    unannounced,
)
from devtools.faults.scenario import STAGES, Play, Stage, new_site, new_world
from devtools.faults.virtual_time import Tokens, VirtualTime
from kili_export.local.kili_standin.changes.world import KiliWorld
from kili_export.local.kili_standin.http.server import Site
from kili_export.steps.publishing.generation.manifest_parts import RETENTION_EVERY
from kili_export.wiring.operating import request_run

_DAY = 25 * 3600.0
_DAYS = RETENTION_EVERY + 1
"""Each brings a generation; small exports are cleared away with every so many."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One call of one stage, and how it fails.

    `again`: so many calls later another one fails, in one of its ways; 0 for none. Where there are
    fewer calls, none does.
    """

    stage: str
    point: Point
    kind: Kind
    again: int = 0

    def __str__(self) -> str:
        return f"{self.stage}:{self.point}:{self.kind}" + (f":{self.again}" if self.again else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a trial as it is written. Raises ValueError."""
        stage, point, kind, *again = text.split(":")
        return cls(stage, Point.parse(point), Kind(kind), *map(int, again))

    def second_kind(self, point: Point) -> Kind:
        """How the second call fails: any of its ways, by the trial's name."""
        kinds = kinds_of(point.operation)
        return kinds[_number(self) % len(kinds)]


@dataclass(slots=True)
class Strikes:
    """The calls that a trial breaks."""

    trial: Trial
    begun: bool = False
    calls: int = 0
    """How many were made since the first that broke."""

    def __call__(self, point: Point) -> Kind | None:
        """How a call fails, if it does."""
        if not self.begun:
            self.begun = point == self.trial.point
            return self.trial.kind if self.begun else None
        self.calls += 1
        return self.trial.second_kind(point) if self.calls == self.trial.again else None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial: nothing to complain of if it held."""

    trial: Trial
    problems: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether everything is as if nothing had been broken."""
        return not self.problems


@dataclass
class PreparedStage:
    """A stage with everything as it is when the stage begins, and what it comes to undisturbed."""

    stage: Stage
    world: KiliWorld
    site: Site
    time: VirtualTime
    tokens: Tokens
    before: Cloud
    play: Play = field(init=False)
    points: tuple[Point, ...] = ()
    expected: Seen = field(default_factory=Seen)
    expected_after_half: Seen = field(default_factory=Seen)
    after: Cloud = field(default_factory=Cloud)

    def run(self, decide: Decision = lambda _: None) -> Play:
        """Plays the stage from its beginning, until nothing is left to do.

        The calls for which `decide` answers a kind are broken. Raises NeverSettles.
        """
        deployment = Deployment(
            self.before.copy(),
            self.site,
            VirtualTime(self.time.moment),
            Tokens(self.tokens.issued),
            self.stage.settings,
            self.stage.parts_at_once,
        )
        deployment.injector.decide = decide
        play = Play(deployment, self.world, self.play.events)
        with connected(deployment):
            self.stage.act(play)
            deployment.settle()
            # Comparisons bring what no event told, and try again what is in quarantine.
            if play.unheard:
                deployment.settle(compare=True)
            if has_quarantined(deployment.cloud):
                deployment.settle(compare=True)
            if play.unheard:
                self.finish_half(play)
        return play

    def finish_half(self, play: Play) -> None:
        """Brings a stage of which Kili could tell a part only to the end that it always has."""
        if self.stage.after_half is not None:
            self.stage.after_half(play)
            play.deployment.settle()

    def attempt(self, point: Point, kind: Kind) -> Result:
        """One trial of this stage."""
        trial = Trial(self.stage.name, point, kind)
        return Result(trial, self._problems(Strikes(trial)))

    def attempts(self, choose: "Choice", branches: Branches[Trial]) -> None:
        """All chosen trials of this stage, each a branch of one undisturbed play.

        What comes of them is told by `branches`: what Result calls problems.
        """
        own: Strikes | None = None

        def decide(point: Point) -> Kind | None:
            nonlocal own
            if own is not None:
                return own(point)
            for kind in kinds_of(point.operation):
                trial = choose(Trial(self.stage.name, point, kind))
                if trial is not None and branches.fork(trial):
                    own = Strikes(trial)
                    return own(point)
            return None

        problems = self._problems(decide)
        if own is not None:
            branches.tell(problems)
        branches.finish()

    def _problems(self, decide: Decision) -> tuple[str, ...]:
        """What is not as if nothing had been broken."""
        try:
            play = self.run(decide)
        except NeverSettles as never:
            return (str(never),)
        deployment = play.deployment
        if not deployment.injector.struck:
            return ("its call was never made",)
        problems = [
            *differences(look(deployment.cloud), self._expected(play)),
            *contradictions(deployment.cloud),
            *unannounced(deployment.cloud, self.before),
        ]
        if not problems:
            problems += self._not_cleared_away(play)
        return tuple(problems)

    def _expected(self, play: Play) -> Seen:
        half = play.unheard and self.stage.after_half is not None
        return self.expected_after_half if half else self.expected

    def _not_cleared_away(self, play: Play) -> list[str]:
        """What is left when it was old enough to be removed.

        An attempt that was cut off leaves what it wrote. Retention removes the objects after a
        day, with one of the next generations; the next run, or the bucket's lifecycle, ends the
        uploads.
        """
        deployment = play.deployment
        usual = leftovers(self.before) | leftovers(self.after)
        left = leftovers(deployment.cloud) - usual
        for _ in range(_DAYS):
            if not left:
                break
            deployment.time.advance(_DAY)
            deployment.cloud.expire_uploads(deployment.time.now())
            with connected(deployment):
                play.insist(lambda app: request_run(app)(play.project_id, full=True))
                deployment.settle()
            left = leftovers(deployment.cloud) - usual
        return [f"{key} is left for ever" for key in sorted(left)]


def prepared_stages() -> Iterator[PreparedStage]:
    """Each stage in turn. Kili is as that stage has it until the next one is asked for."""
    time, tokens, cloud = VirtualTime(), Tokens(), Cloud()
    world = new_world(time)
    site = new_site(world)
    for stage in STAGES:
        prepared = PreparedStage(stage, world, site, time, tokens, cloud)
        events = stage.begin(world)
        prepared.play = Play(Deployment(cloud, site, time, tokens), world, events)
        undisturbed = prepared.run()
        deployment = undisturbed.deployment
        prepared.points = tuple(deployment.injector.seen)
        prepared.expected = look(deployment.cloud)
        prepared.after = deployment.cloud
        if stage.after_half is not None:
            prepared.expected_after_half = _after_half(prepared)
        yield prepared
        cloud = deployment.cloud
        time.moment = deployment.time.moment
        tokens.issued = deployment.tokens.issued
        time.advance(3600)


def _after_half(prepared: PreparedStage) -> Seen:
    play = prepared.run()
    with connected(play.deployment):
        prepared.finish_half(play)
    return look(play.deployment.cloud)


Choice = Callable[[Trial], Trial | None]
"""Which trial is made of one, if any is."""
_LATEST_SECOND = 60


def trials_of(prepared: PreparedStage) -> Iterator[Trial]:
    """Every call of a stage in every way in which it may fail."""
    for point in prepared.points:
        for kind in kinds_of(point.operation):
            yield Trial(prepared.stage.name, point, kind)


def chosen_trials(every: int) -> Choice:
    """Each `every`-th trial, by the trials' names: it stays when others come or go."""
    return lambda trial: trial if _number(trial) % every == 0 else None


def twice(choose: Choice) -> Choice:
    """The same trials, with another call that fails while they recover."""

    def chosen(trial: Trial) -> Trial | None:
        one = choose(trial)
        return one and replace(one, again=_number(one) % _LATEST_SECOND + 1)

    return chosen


def only(wanted: Trial) -> Choice:
    """A single trial."""
    once = replace(wanted, again=0)
    return lambda trial: wanted if trial == once else None


def one_of_each() -> Choice:
    """A trial of every operation of every service in every way in which it may fail."""
    return _among(_one_of_each().values())


def each_operation() -> Choice:
    """A trial of every operation of every service; the ways in which it may fail take turns."""
    ways: dict[tuple[str, str], list[Trial]] = {}
    for (service, operation, _), trial in sorted(_one_of_each().items()):
        ways.setdefault((service, operation), []).append(trial)
    return _among(trials[turn % len(trials)] for turn, trials in enumerate(ways.values()))


def _one_of_each() -> dict[tuple[str, str, Kind], Trial]:
    """Which stage and call it is goes by the trials' names, as in `chosen_trials`."""
    chosen: dict[tuple[str, str, Kind], Trial] = {}
    for prepared in prepared_stages():
        for trial in trials_of(prepared):
            sort = (trial.point.service, trial.point.operation, trial.kind)
            rival = chosen.get(sort)
            if rival is None or _number(trial) < _number(rival):
                chosen[sort] = trial
    return chosen


def _among(chosen: Iterable[Trial]) -> Choice:
    trials = frozenset(chosen)
    return lambda trial: trial if trial in trials else None


def _number(trial: Trial) -> int:
    return zlib.crc32(str(trial).encode())


def play_chosen(
    stages: Collection[str], choose: Choice, processes: int, tell: Callable[[Result], None]
) -> None:
    """Plays the chosen trials of these stages, so many at once; `tell` gets each result."""

    def collect(trial: Trial, told: object) -> None:
        problems = told if isinstance(told, tuple) else (str(told),)
        tell(Result(trial, problems))

    last = max(number for number, stage in enumerate(STAGES) if stage.name in stages)
    for prepared in islice(prepared_stages(), last + 1):
        if prepared.stage.name in stages:
            prepared.attempts(choose, Branches(processes, collect))
