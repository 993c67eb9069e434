"""Both sides on the same stand-in of Kili: full exports, then exports after one changed label."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from devtools.bench.against_sdk.ours import Ours
from devtools.bench.against_sdk.profile import profile_conversion
from devtools.bench.against_sdk.sdk import Sdk
from devtools.bench.against_sdk.stack import StackProcess
from devtools.bench.measured import FORMATS, Measured, What, total
from devtools.bench.readers import Unreadable, check
from kili_export.local.demo.agreement import differences
from kili_export.local.demo.kili_process import KiliProcess

_SEED = 7
_UNLIMITED = "100000000"
_THOROUGH = 1_000
"""Assets up to which everything is measured; above, what tells nothing new is left out."""
_WARMING = 400
"""Assets of an export that is not counted: more than planning converts and publishes by itself."""
_ALONE = 10_000
"""Assets up to which our exports of one format alone are measured."""
Tell = Callable[[str], None]


@dataclass
class Comparison:
    """What was measured at one size. `problems` are archives that are not as they should be."""

    assets: int
    lines: list[Measured] = field(default_factory=list)
    alone: list[Measured] = field(default_factory=list)
    """Exports of one format alone; of the largest projects the SDK's only."""
    profile: Mapping[str, float] = field(default_factory=dict)
    """Seconds of processor time by the parts of a conversion; of small projects only."""
    problems: list[str] = field(default_factory=list)
    readers: tuple[list[str], list[str]] = ([], [])
    """Programs that read the archives, and those that are not on this machine."""

    def line(self, side: str, what: str) -> Measured:
        """One line of the table. Raises LookupError."""
        for one in self.lines:
            if (one.side, one.what) == (side, what):
                return one
        raise LookupError(f"{side}, {what} was not measured")

    def again(self) -> Measured:
        """What the SDK does after a change: a full export, which only small projects repeat."""
        lines = [one for one in self.lines if one.side == "SDK"]
        return lines[-1]


@dataclass
class _Bench:
    kili: KiliProcess
    folder: Path
    assets: int
    tell: Tell
    project: str = ""

    def stack(self, **tuning: str) -> StackProcess:
        unlimited = {"KILI_REQUESTS_PER_MINUTE": _UNLIMITED, "ARCHIVE_BUDGET_CENTS": _UNLIMITED}
        return StackProcess(
            self.folder / "state",
            endpoint=self.kili.endpoint,
            api_key=self.kili.api_key,
            tuning={**unlimited, **tuning},
        )

    def change(self) -> None:
        """Somebody corrects a label in the middle of the project; Kili calls."""
        self.kili.control("submit_label", **self._edit())
        self.kili.control("wait_deliveries")

    def _edit(self) -> dict[str, Any]:
        middle = self.kili.control(
            "assets", project_id=self.project, first=1, skip=self.assets // 2
        )["assets"][0]["id"]
        return {"asset": middle, "project_id": self.project}


def compare(kili: KiliProcess, folder: Path, assets: int, tell: Tell) -> Comparison:
    """Measures everything at one size, in `folder`, which is emptied in the end."""
    folder.mkdir()
    bench = _Bench(kili, folder, assets, tell)
    tell(f"{assets} assets: making the project")
    bench.project = kili.control("generate_project", seed=_SEED, assets=assets)["project_id"]
    found = Comparison(assets)
    sdk = Sdk(kili, folder)
    with bench.stack() as stack:
        ours = Ours.on(kili, stack)
        _warm(bench, ours)
        _full(bench, ours, found)
        if assets <= _ALONE:
            _alone(bench, ours, found)
        if assets <= _THOROUGH:
            _theirs(bench, sdk, "full", found)
            found.profile = profile_conversion(kili, bench.project)
            _in_one_process(bench, found)
        _changed(bench, ours, "change, rewritten", found)
        _theirs(bench, sdk, "change, rewritten" if assets <= _THOROUGH else "full", found)
        _judge(bench, ours, sdk, found)
    with bench.stack(REWRITE_LIMIT="0") as stack:
        _changed(bench, Ours.on(kili, stack), "change, spliced", found)
    with bench.stack(ARCHIVE_BUDGET_CENTS="1") as stack:
        _changed(bench, Ours.on(kili, stack), "change, as a delta", found)
    kili.control("archive_project", project_id=bench.project)
    shutil.rmtree(folder)
    return found


def _warm(bench: _Bench, ours: Ours) -> None:
    """An export first that every worker has a part in: the SDK's imports are not counted either."""
    made = bench.kili.control("generate_project", seed=_SEED + 2, assets=_WARMING)
    project, formats = made["project_id"], FORMATS[:2]
    ours.measure("full", project, formats, _WARMING, lambda: ours.register(project, formats))
    ours.unregister(project)
    bench.kili.control("archive_project", project_id=project)


def _full(bench: _Bench, ours: Ours, found: Comparison) -> None:
    _ours(bench, ours, "full", lambda: ours.register(bench.project, FORMATS), found)


def _alone(bench: _Bench, ours: Ours, found: Comparison) -> None:
    """Each format once more, as the only export of a project like the first."""
    made = bench.kili.control("generate_project", seed=_SEED + 1, assets=bench.assets)
    other = made["project_id"]
    for kind in FORMATS:
        bench.tell(f"{bench.assets} assets: ours, full, {kind} alone")
        begin = partial(ours.register, other, [kind])
        found.alone.append(ours.measure("full", other, (kind,), bench.assets, begin))
    ours.unregister(other)
    bench.kili.control("archive_project", project_id=other)


def _in_one_process(bench: _Bench, found: Comparison) -> None:
    """Each format by a first call without a stack."""
    folder = bench.folder / "one-shot"
    folder.mkdir()
    one_shot = Sdk(bench.kili, folder, "one shot", "one_shot_child")
    for kind in FORMATS:
        bench.tell(f"{bench.assets} assets: one shot, {kind}")
        found.alone.append(one_shot.measure("full", bench.project, kind, bench.assets))


def _changed(bench: _Bench, ours: Ours, what: What, found: Comparison) -> None:
    """One changed label. Another goes before it, unmeasured: every worker has run once then."""
    ours.follow(bench.project)
    ours.settle(bench.project)
    bench.change()
    ours.settle(bench.project)
    ours.rest()
    _ours(bench, ours, what, bench.change, found)


def _ours(
    bench: _Bench, ours: Ours, what: What, begin: Callable[[], object], found: Comparison
) -> None:
    bench.tell(f"{bench.assets} assets: ours, {what}")
    found.lines.append(ours.measure(what, bench.project, FORMATS, bench.assets, begin))


def _theirs(bench: _Bench, sdk: Sdk, what: What, found: Comparison) -> None:
    lines = []
    for kind in FORMATS:
        bench.tell(f"{bench.assets} assets: the SDK, {what.partition(',')[0]}, {kind}")
        lines.append(sdk.measure(what, bench.project, kind, bench.assets))
    found.alone += lines if what == "full" else []
    found.lines.append(total(lines))


def _judge(bench: _Bench, ours: Ours, sdk: Sdk, found: Comparison) -> None:
    """Whether our archives are sound, and hold what the SDK's hold."""
    bench.tell(f"{bench.assets} assets: checking the archives")
    for kind in FORMATS:
        path = bench.folder / f"ours-{kind}.zip"
        ours.pull(bench.project, kind, path)
        try:
            found.readers = check(path)
        except Unreadable as error:
            found.problems.append(f"{kind} of {bench.assets} assets: {error}")
        different = differences(path, sdk.archive(kind))
        found.problems += [f"{kind} of {bench.assets} assets: {one}" for one in different[:5]]
