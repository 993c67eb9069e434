"""Whatever happens in whatever order, the archives end up holding what Kili holds.

Events, runs that are stopped between any two of their steps, crashes, failures and sweeps are
interleaved at random. Nothing is compared with Kili as a whole: the marks alone must do.
"""

from dataclasses import dataclass, field

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from kili_export.archives.ledger.ledger_reader import iter_known_assets
from kili_export.changes.events.pending_changes import REBUILD
from kili_export.runs.messages import AggregateAnswer, PlanAnswer, ResultsLocation
from tests.support.protocol_world import PROJECT, World, arn

ASSETS = ["as_000", "as_001"]
FATES = ["goes on"] * 9 + ["breaks something", "is taken for dead", "fails", "dies"]


@dataclass(slots=True)
class Stage:
    """How far an execution has come."""

    planned: PlanAnswer
    results: ResultsLocation | None = None
    exports: list[AggregateAnswer] = field(default_factory=list)


class Interleavings(RuleBasedStateMachine):
    """The world, and the executions that are under way in it."""

    slice_assets = 1000

    def __init__(self) -> None:
        super().__init__()
        self.world = World(assets=len(ASSETS), slice_assets=self.slice_assets)
        self.world.publish_everything()
        self.under_way: dict[str, Stage] = {}
        self.labels = 0
        self.unread: dict[str, tuple[str, float]] = {}

    @rule(asset_id=st.sampled_from(ASSETS), readable=st.booleans())
    def submit(self, asset_id: str, *, readable: bool) -> None:
        """Somebody labels an asset; its label may become readable only later."""
        self.labels += 1
        label_id, left = f"label_{self.labels}", self.labels / 1000
        if asset_id in self.unread:
            self.world.kili.label(asset_id, *self.unread.pop(asset_id))
        if readable:
            self.world.submit(asset_id, label_id, left)
        else:
            self.world.post(asset_id, label_id)
            self.unread[asset_id] = (label_id, left)

    @precondition(lambda self: self.unread)
    @rule()
    def become_readable(self) -> None:
        """Kili shows what it held back."""
        for asset_id, label in self.unread.items():
            self.world.kili.label(asset_id, *label)
        self.unread.clear()

    @rule(seconds=st.sampled_from([1, 61]))
    def pass_time(self, seconds: int) -> None:
        """Nothing else happens for a while."""
        self.world.clock.advance(seconds)

    @precondition(lambda self: self.world.pending())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.world.pending()), label="begin")
        short = data.draw(st.booleans(), label="short")
        planned = self.world.run_short(name) if short else self.world.begin(name)
        if planned.status == "run":
            self.under_way[name] = Stage(planned)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), fate=st.sampled_from(FATES))
    def go_on(self, data: st.DataObject, fate: str) -> None:
        """An execution makes its next step, or meets its end."""
        name = data.draw(st.sampled_from(sorted(self.under_way)), label="go on")
        stage = self.under_way[name]
        if fate == "dies":
            self.world.workflow.running.discard(arn(name))
            del self.under_way[name]
        elif fate == "fails":
            self.world.fail(name, self.under_way.pop(name).planned)
        else:
            if fate == "is taken for dead":
                self.world.workflow.running.discard(arn(name))
            self._step(name, stage, broken=fate == "breaks something")

    def _step(self, name: str, stage: Stage, *, broken: bool) -> None:
        if stage.results is None:
            stage.results = self.world.convert(stage.planned, lose=[0] if broken else [])
        elif not stage.exports:
            failing = ["yolo"] if broken else []
            stage.exports = self.world.aggregate(stage.planned, stage.results, failing)
        else:
            del self.under_way[name]
            self.world.finish_run(name, stage.planned, stage.results, stage.exports)

    @rule()
    def sweep(self) -> None:
        self.world.look_after(compare=False)

    def teardown(self) -> None:
        """The schedule alone brings everything to its end."""
        if self.unread:
            self.become_readable()
        for name in self.under_way:
            self.world.workflow.running.discard(arn(name))
        for _ in range(12):
            self.world.run_pending(most=300)
            if not self.world.changes.held:
                break
            self.world.clock.advance(7 * 3600)
            self.world.look_after(compare=False)
        assert self.world.changes.subjects(PROJECT) == set(), "marks stay for ever"
        truth = {one.asset_id: one.fingerprint for one in self.world.kili.assets.values()}
        for export in ("raw", "yolo"):
            known = dict(iter_known_assets(self.world.objects, self.world.manifest(export)))
            assert known == truth, f"{export} does not hold what Kili holds"


class SlicedInterleavings(Interleavings):
    """The same while exports are made again in slices of one asset."""

    slice_assets = 1

    @precondition(lambda self: REBUILD not in self.world.changes.subjects(PROJECT))
    @rule()
    def ask_for_everything(self) -> None:
        """Somebody wants every export again."""
        self.world.request_run(PROJECT, full=True)

    @rule(layout=st.sampled_from(["split", "merged"]))
    def declare(self, layout: str) -> None:
        """Somebody changes the options of one export."""
        self.world.register(raw="kili", yolo={"format": "yolo_v8", "layout": layout})


# A failure is told as it was found: to make it shorter would take minutes.
_SETTINGS = settings(
    max_examples=60, stateful_step_count=50, phases=(Phase.explicit, Phase.generate)
)
Interleavings.TestCase.settings = _SETTINGS
SlicedInterleavings.TestCase.settings = _SETTINGS
TestInterleavings = Interleavings.TestCase
TestSlicedInterleavings = SlicedInterleavings.TestCase
