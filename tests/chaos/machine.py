"""Everything that people, Kili, the network and crashes can do, in any order.

At the end nothing more happens. Where an event told of every change, all of them arrive and the
sweep alone, which only looks at marks, has to bring the archives to what a full export of the
final state holds: a mark that was cleared wrongly would show. Elsewhere not one waiting event
arrives, and the comparisons with Kili have to.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kili_export.core.errors import ExportError
from kili_export.local.kili_standin.state.model import Asset
from kili_export.runs.messages import AggregateAnswer, PlanAnswer, ResultsLocation
from tests.chaos.system import ALWAYS, EXPORTS, System
from tests.support.protocol_world import PROJECT, arn

FATES = [
    *["goes on"] * 12,
    "loses a batch",
    "loses an export",
    *["is taken for dead"] * 2,
    "fails",
    "dies",
]
NAMES = ["a.jpg", "a.png", "A.jpg", "dir/a.jpg", "../a.jpg", "é.jpg", "é.jpg", "CON", "x" * 300]
CHANGES = (
    "submit",
    "submit",
    "review",
    "edit",
    "edit",
    "delete a label",
    "draft",
    "send back",
    "send back in bulk",
    "add an asset",
    "rename",
    "describe",
    "delete an asset",
    "delete an asset silently",
    "skip",
    "take back the skip",
)
# A label's content may be readable only after a while, or be the former one until then.
STALE_SECONDS = 150
LATE = st.sampled_from([None, None, None, "late", "former"])
CHANGE = st.tuples(st.sampled_from(CHANGES), st.integers(0, 50), st.sampled_from(NAMES), LATE)
LABELS = st.lists(
    st.tuples(st.sampled_from(["submit", "submit", "edit"]), st.integers(0, 50), LATE),
    min_size=1,
    max_size=3,
)
SELDOM = (
    "interface",
    "interface",
    "title",
    "access is lost",
    "access is there again",
    "access is there again",
    "everything",
    "clocks",
    "registration",
    "registration",
)
# What Kili sends no event for, or none that names its asset.
UNTOLD = frozenset({"draft", "delete a label", "delete an asset silently", "send back in bulk"})
SCHEDULED = (*["nothing"] * 5, "sweep", "sweep", "comparison")
MORE_EXPORTS = st.sets(st.sampled_from(sorted(EXPORTS.keys() - set(ALWAYS))))

COUNTS: Counter[str] = Counter()
"""What happened in all sequences so far, for the summary."""


@dataclass(slots=True)
class Stage:
    """How far an execution has come."""

    planned: PlanAnswer
    results: ResultsLocation | None = None
    exports: list[AggregateAnswer] = field(default_factory=list)


class AnyOrder(RuleBasedStateMachine):
    """The system, and the executions that are under way in it."""

    def __init__(self) -> None:
        super().__init__()
        self.system: System | None = None
        self.under_way: dict[str, Stage] = {}
        self.last: list[tuple[str, int, str | None]] = []
        self.told = True
        """Whether an event tells of everything that happened, and none was lost so far."""

    @initialize(
        seed=st.integers(0, 1000),
        assets=st.integers(0, 7),
        slices=st.sampled_from([2, 1000]),
        last=LABELS,
    )
    def begin_with(
        self, seed: int, assets: int, slices: int, last: list[tuple[str, int, str | None]]
    ) -> None:
        """A project that is exported already. `last` are the labels after which nothing happens."""
        self.last = last
        self.system = System(seed, assets, slice_assets=slices)
        self.world = self.system.world
        self.world.publish_everything() if slices > assets else self.world.request_run(PROJECT)
        COUNTS["sequences"] += 1

    # ------------------------------------------------------------------ in Kili

    @rule(changes=st.lists(CHANGE, min_size=1, max_size=3))
    def change(self, changes: list[tuple[str, int, str, str | None]]) -> None:
        """Somebody does something to labels and assets; it may become readable later."""
        for kind, which, name, late in changes:
            if late is not None:
                self.the.kili.faults.set("stale_content", lag=late, seconds=STALE_SECONDS)
            done = self._change(kind, which, name)
            self.the.kili.faults.clear("stale_content")
            COUNTS[f"in Kili: {kind}"] += done
            self.told &= not done or kind not in UNTOLD

    def _change(self, kind: str, which: int, name: str) -> bool:
        kili, assets = self.the.kili, list(self.the.project.assets.values())
        if kind == "add an asset":
            kili.add_asset(name)
        elif kind == "send back in bulk":
            kili.bulk_send_back([one.id for one in assets[: which % 4]])
        elif not assets:
            return False
        else:
            return self._change_one(kind, assets[which % len(assets)], which, name)
        return True

    def _change_one(self, kind: str, asset: Asset, which: int, name: str) -> bool:
        kili = self.the.kili
        match kind:
            case "submit" | "draft":
                kili.submit_label(
                    asset.id, label_type="DEFAULT" if kind == "submit" else "AUTOSAVE"
                )
            case "review":
                kili.review(asset.id)
            case "edit" | "delete a label":
                return self._change_label(kind, asset, which)
            case "send back":
                return self._send_back(asset)
            case "rename":
                kili.rename_asset(asset.id, name)
            case "describe":
                kili.set_metadata(asset.id, {"seen": which})
            case "skip" | "take back the skip":
                kili.skip_asset(asset.id, skipped=kind == "skip")
            case _:
                kili.delete_asset(asset.id, silent=kind.endswith("silently"))
        return True

    def _change_label(self, kind: str, asset: Asset, which: int) -> bool:
        if not asset.labels:
            return False
        label = asset.labels[which % len(asset.labels)]
        if kind == "edit":
            self.the.kili.edit_label(label.id)
        else:
            self.the.kili.delete_label(label.id)
        return True

    def _send_back(self, asset: Asset) -> bool:
        try:
            self.the.kili.send_back(asset.id)
        except ValueError:
            return False
        return True

    @rule(
        what=st.sampled_from(SELDOM),
        number=st.integers(1, 3),
        seconds=st.sampled_from([-120.0, 0.0, 120.0]),
        more=MORE_EXPORTS,
    )
    def happen_seldom(self, what: str, number: int, seconds: float, more: set[str]) -> None:
        """Something happens to the project as a whole, or to everybody's clocks."""
        COUNTS[f"seldom: {what}"] += 1
        self.told &= what not in {"interface", "title"}
        match what:
            case "interface":
                self._add_a_category(number)
            case "title":
                self.the.kili.set_settings(title=f"Title {number}")
            case "access is lost":
                self.the.kili.faults.set("access_lost", times=None)
            case "access is there again":
                self.the.kili.faults.clear("access_lost")
            case "everything":
                self.world.request_run(PROJECT, full=True)
            case "registration":
                self._declare(more, layout="split" if number == 1 else "merged")
            case _:
                self.the.skew = seconds

    def _declare(self, more: set[str], *, layout: str) -> None:
        """Exports are added, changed or removed."""
        declared: dict[str, dict[str, Any]] = {name: EXPORTS[name] for name in (*ALWAYS, *more)}
        declared["yolo"] = {**declared["yolo"], "layout": layout}
        self.the.declare(declared)

    def _add_a_category(self, number: int) -> None:
        interface = dict(self.the.project.json_interface)
        jobs = {name: dict(job) for name, job in interface["jobs"].items()}
        first = min(jobs)
        content = dict(jobs[first].get("content") or {})
        categories = dict(content.get("categories") or {})
        categories[f"NEW_{number}"] = {"name": f"new {number}", "children": []}
        jobs[first]["content"] = {**content, "categories": categories}
        self.the.kili.set_interface({**interface, "jobs": jobs})

    # ------------------------------------------------------------------ events

    @precondition(lambda self: self.system and self.system.mailbox.waiting)
    @rule(
        fate=st.sampled_from(["arrive", "arrive", "arrive", "arrive twice", "are lost"]),
        order=st.sampled_from(["first", "last", "all", "all in reverse"]),
    )
    def events(self, fate: str, order: str) -> None:
        """Calls of the webhook arrive, late as they are, or do not."""
        waiting = self.the.mailbox.waiting
        picked = {
            "first": waiting[:1],
            "last": waiting[-1:],
            "all": list(waiting),
            "all in reverse": waiting[::-1],
        }[order]
        self.the.mailbox.waiting = [one for one in waiting if one not in picked]
        COUNTS[f"events that {fate}"] += len(picked)
        self.told &= fate != "are lost"
        if fate != "are lost":
            for delivery in picked * (2 if fate == "arrive twice" else 1):
                self.the.deliver(delivery)

    @rule(
        labels=LABELS,
        steps=st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from(FATES)), min_size=2, max_size=8
        ),
    )
    def labels_are_exported(
        self, labels: list[tuple[str, int, str | None]], steps: list[tuple[int, str]]
    ) -> None:
        """The usual day: people label, the events arrive, and runs are at work."""
        self.change([(kind, which, "", late) for kind, which, late in labels])
        self.events("arrive", "all")
        self.work(steps)

    @rule(seconds=st.sampled_from([1, 61, 700]), then=st.sampled_from(SCHEDULED))
    def pass_time(self, seconds: int, then: str) -> None:
        """Time passes, and now and then the sweep's turn comes, or that of the comparison."""
        self.the.clock.advance(seconds)
        if then != "nothing":
            self.world.look_after(compare=then == "comparison")
            COUNTS["comparisons with Kili" if then == "comparison" else "sweeps"] += 1

    # ------------------------------------------------------------------ runs

    @precondition(lambda self: self.under_way or (self.system and self.world.pending()))
    @rule(
        steps=st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from(FATES)), min_size=1, max_size=10
        )
    )
    def work(self, steps: list[tuple[int, str]]) -> None:
        """Executions that were started plan, convert, publish, finish, or meet their end."""
        for which, fate in steps:
            turns = [*self.world.pending(), *sorted(self.under_way)]
            if not turns:
                return
            name = turns[which % len(turns)]
            if name in self.under_way:
                self._go_on(name, fate)
            else:
                self._begin(name)

    def _begin(self, name: str) -> None:
        try:
            planned = self.world.begin(name)
        except ExportError as error:
            COUNTS[f"runs that could not be planned: {type(error).__name__}"] += 1
            return
        COUNTS[f"runs planned: {planned.status}"] += 1
        if planned.status == "run":
            self.under_way[name] = Stage(planned)
            COUNTS["runs beside another"] += len(self.under_way) > 1

    def _go_on(self, name: str, fate: str) -> None:
        COUNTS[f"a run {fate}"] += 1
        if fate == "dies":
            self.world.workflow.running.discard(arn(name))
            del self.under_way[name]
        elif fate == "fails":
            self.world.fail(name, self.under_way.pop(name).planned)
        else:
            if fate == "is taken for dead":
                self._take_over(name)
            self._step(name, fate)

    def _take_over(self, name: str) -> None:
        """Its lease is over, nobody sees it at work, and another run begins before it goes on."""
        self.world.workflow.running.discard(arn(name))
        self.the.clock.advance(61)
        self.world.look_after(compare=False)
        for another in self.world.pending()[:1]:
            self._begin(another)

    def _step(self, name: str, fate: str) -> None:
        stage = self.under_way[name]
        try:
            if stage.results is None:
                lose = [0] if fate == "loses a batch" else []
                stage.results = self.world.convert(stage.planned, lose=lose)
            elif not stage.exports:
                broken = ["yolo"] if fate == "loses an export" else []
                stage.exports = self.world.aggregate(stage.planned, stage.results, broken)
            else:
                del self.under_way[name]
                self.world.finish_run(name, stage.planned, stage.results, stage.exports)
        except ExportError as error:
            COUNTS[f"runs that failed: {type(error).__name__}"] += 1
            self.under_way.pop(name, None)
            self.world.fail(name, stage.planned, type(error).__name__)

    def teardown(self) -> None:
        """Whatever happened: the archives come to hold what Kili holds."""
        if self.system is None:
            return
        try:
            self._end()
        finally:
            self.system.close()

    def _end(self) -> None:
        self.the.kili.faults.clear()
        if self.told:
            self._bring_all_events()
        COUNTS["events that never came"] += len(self.the.mailbox.waiting)
        self.the.clock.advance(3600)
        for name in self.under_way:
            self.world.workflow.running.discard(arn(name))
        if self.told:
            COUNTS["sequences judged without a comparison"] += 1
            self.the.come_to_rest(compare=False)
            _require_none("after sweeps alone", self.the.disagreements())
        COUNTS["rounds of the schedule until rest"] += self.the.come_to_rest()
        _require_none("after comparisons", self.the.disagreements())
        _require_none("at rest", self.the.left_behind())
        _require_none("after a full export", self.the.changed_by_a_full_export())
        COUNTS["sequences that held"] += 1
        COUNTS["archives compared"] += len(self.the.declared)

    def _bring_all_events(self) -> None:
        self.labels_are_exported(self.last, [(0, "goes on")] * 8)
        for delivery in self.the.mailbox.waiting:
            self.the.deliver(delivery)
        self.the.mailbox.waiting = []

    @property
    def the(self) -> System:
        assert self.system is not None
        return self.system


def _require_none(when: str, found: list[str]) -> None:
    assert not found, f"{when}: {'; '.join(found)}"
