"""Whatever happens in whatever order, the archives end up holding what Kili holds.

Events, runs that are stopped between any two of their steps, crashes, failures and sweeps are
interleaved at random. Nothing is compared with Kili as a whole: the marks alone must do.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kili_export.contracts.workflow import AggregateAnswer, PlanAnswer, ResultsLocation
from kili_export.usecases.ledger_reading import iter_known_assets
from tests.unit.protocol.world import PROJECT, World, arn

ASSETS = [f"as_{number:03d}" for number in range(5)]


@dataclass(slots=True)
class Stage:
    """How far an execution has come."""

    planned: PlanAnswer
    results: ResultsLocation | None = None
    exports: list[AggregateAnswer] = field(default_factory=list)


class Interleavings(RuleBasedStateMachine):
    """The world, and the executions that are under way in it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(assets=5)
        self.world.publish_everything()
        self.under_way: dict[str, Stage] = {}
        self.labels = 0

    @initialize()
    def at_noon(self) -> None:
        self.world.clock.advance(3600)

    @rule(asset_id=st.sampled_from(ASSETS), heard_late=st.booleans())
    def submit(self, asset_id: str, *, heard_late: bool) -> None:
        self.labels += 1
        label_id, left = f"label_{self.labels}", self.labels / 1000
        if heard_late:
            # The event comes first, and its label becomes readable afterwards.
            self.world.post(asset_id, label_id)
            self.world.kili.label(asset_id, label_id, left)
        else:
            self.world.submit(asset_id, label_id, left)

    @rule(seconds=st.sampled_from([1, 20, 61, 600]))
    def pass_time(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @precondition(lambda self: self.world.pending())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.world.pending()), label="begin")
        planned = self.world.begin(name)
        if planned.status == "run":
            self.under_way[name] = Stage(planned)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), broken=st.booleans())
    def go_on(self, data: st.DataObject, *, broken: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.under_way)), label="go on")
        stage = self.under_way[name]
        if stage.results is None:
            stage.results = self.world.convert(stage.planned, lose=[0] if broken else [])
        elif not stage.exports:
            failing = ["yolo"] if broken else []
            stage.exports = self.world.aggregate(stage.planned, stage.results, failing)
        else:
            del self.under_way[name]
            self.world.finish_run(name, stage.planned, stage.results, stage.exports)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.under_way)), label="fail")
        self.world.fail(name, self.under_way.pop(name).planned)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), zombie=st.booleans())
    def die(self, data: st.DataObject, *, zombie: bool) -> None:
        """Its execution ends without a last step; a zombie's functions go on all the same."""
        name = data.draw(st.sampled_from(sorted(self.under_way)), label="die")
        self.world.workflow.running.discard(arn(name))
        if not zombie:
            del self.under_way[name]

    @rule()
    def sweep(self) -> None:
        self.world.look_after(compare=False)

    def teardown(self) -> None:
        """The schedule alone brings everything to its end."""
        for name in self.under_way:
            self.world.workflow.running.discard(arn(name))
        for _ in range(12):
            self.world.run_pending()
            if not self.world.changes.held:
                break
            self.world.clock.advance(7 * 3600)
            self.world.look_after(compare=False)
        assert self.world.changes.subjects(PROJECT) == set(), "marks stay for ever"
        truth = {one.asset_id: one.fingerprint for one in self.world.kili.assets.values()}
        for export in ("raw", "yolo"):
            known = dict(iter_known_assets(self.world.objects, self.world.manifest(export)))
            assert known == truth, f"{export} does not hold what Kili holds"


Interleavings.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
TestInterleavings = Interleavings.TestCase
