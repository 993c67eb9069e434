"""Plays stages, undisturbed and with one call broken, and judges what came of it."""

import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from local.faults.clients import connected
from local.faults.cloud import Cloud
from local.faults.deployment import Deployment, NeverSettles
from local.faults.injection import Kind, Point, kinds_of
from local.faults.judgement import (
    Seen,
    contradictions,
    differences,
    has_quarantined,
    leftovers,
    look,
    unannounced,
)
from local.faults.scenario import STAGES, Play, Stage, new_site, new_world
from local.faults.virtual_time import Tokens, VirtualTime
from local.kili_standin.server import Site
from local.kili_standin.world import KiliWorld

_DAY = 25 * 3600.0
_DAYS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One call of one stage, and how it fails."""

    stage: str
    point: Point
    kind: Kind

    def __str__(self) -> str:
        return f"{self.stage}:{self.point}:{self.kind}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a trial as it is written. Raises ValueError."""
        stage, point, kind = text.split(":")
        return cls(stage, Point.parse(point), Kind(kind))


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
    after: Cloud = field(default_factory=Cloud)

    def run(self, point: Point | None = None, kind: Kind | None = None) -> Play:
        """Plays the stage from its beginning, with one call broken, until nothing is left to do.

        Raises NeverSettles.
        """
        deployment = Deployment(
            self.before.copy(),
            self.site,
            VirtualTime(self.time.moment),
            Tokens(self.tokens.issued),
            self.stage.settings,
            self.stage.parts_at_once,
        )
        deployment.injector.point, deployment.injector.kind = point, kind
        play = Play(deployment, self.world, self.play.events)
        with connected(deployment):
            self.stage.act(play)
            deployment.settle()
            # Comparisons bring what no event told, and try again what is in quarantine.
            if play.unheard or has_quarantined(deployment.cloud):
                deployment.settle(compare=True)
        return play

    def attempt(self, point: Point, kind: Kind) -> Result:
        """One trial of this stage."""
        trial = Trial(self.stage.name, point, kind)
        try:
            play = self.run(point, kind)
        except NeverSettles as never:
            return Result(trial, (str(never),))
        deployment = play.deployment
        if not deployment.injector.struck:
            return Result(trial, ("its call was never made",))
        problems = [
            *differences(look(deployment.cloud), self.expected),
            *contradictions(deployment.cloud),
            *unannounced(deployment.cloud, self.before),
        ]
        if not problems:
            problems += self._not_cleared_away(play)
        return Result(trial, tuple(problems))

    def _not_cleared_away(self, play: Play) -> list[str]:
        """What is left when it was old enough to be removed.

        An attempt that was cut off leaves what it wrote. Retention removes the objects, with the
        next generation after a day; the next run, or the bucket's lifecycle, ends the uploads.
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
                play.insist(lambda app: app.request_run()(play.project_id, full=True))
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
        yield prepared
        cloud = deployment.cloud
        time.moment = deployment.time.moment
        tokens.issued = deployment.tokens.issued
        time.advance(3600)


Choice = Callable[[Trial], bool]


def trials_of(prepared: PreparedStage) -> Iterator[Trial]:
    """Every call of a stage in every way in which it may fail."""
    for point in prepared.points:
        for kind in kinds_of(point.operation):
            yield Trial(prepared.stage.name, point, kind)


def chosen_trials(every: int, share: int = 0, shares: int = 1) -> Choice:
    """Each `every`-th trial, and of these one share of several.

    The choice goes by the trial's name: it stays when other trials come or go.
    """

    def choose(trial: Trial) -> bool:
        number = _number(trial)
        return number % every == 0 and number // every % shares == share

    return choose


def one_of_each() -> frozenset[Trial]:
    """A trial of every operation of every service in every way in which it may fail.

    Which stage and call it is goes by the trials' names, as in `chosen_trials`.
    """
    chosen: dict[tuple[str, str, Kind], Trial] = {}
    for prepared in prepared_stages():
        for trial in trials_of(prepared):
            sort = (trial.point.service, trial.point.operation, trial.kind)
            rival = chosen.get(sort)
            if rival is None or _number(trial) < _number(rival):
                chosen[sort] = trial
    return frozenset(chosen.values())


def _number(trial: Trial) -> int:
    return zlib.crc32(str(trial).encode())


def play_share(stages: Collection[str], choose: Choice) -> Iterator[Result]:
    """Plays the chosen trials of these stages."""
    last = max(number for number, stage in enumerate(STAGES) if stage.name in stages)
    for prepared in islice(prepared_stages(), last + 1):
        if prepared.stage.name in stages:
            for trial in filter(choose, trials_of(prepared)):
                yield prepared.attempt(trial.point, trial.kind)
