"""What fixed histories of projects leave in the bucket, by kind of project and export."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.pins.product import (
    KINDS,
    NAMES,
    Assets,
    Authors,
    Event,
    ExportOptions,
    InMemoryObjects,
    PartLimits,
    ShardRules,
    Workbench,
    legal_options,
)
from tests.pins.records import digest, files_digest, writings

_SPLICED = PartLimits(min_part=1, rewrite_below=0, copy_from=1)
_SHARDED = ShardRules(threshold=200, target=500, overhead=50)
_MANY = 1000
_RESTS = ("latest.zip", "manifest.json", "report.json", "history.json")


def named(name: str) -> int:
    """The value of an event that gives an asset this name."""
    return NAMES.index(name)


STEPS: Mapping[str, tuple[Event, ...]] = {
    "labels change": (Event("label", 0, 3), Event("two labels", 2, 1)),
    "assets are added, two of one name": (
        Event("label", 1, named("a.png")),
        Event("label", 3, named("a.jpg")),
    ),
    "names": (
        Event("rename", 0, named("d/c.jpg")),
        Event("rename", 1, named("caf\u00e9.jpg")),
        Event("rename", 2, named("labels/a.txt")),
    ),
    "everything else about assets": (
        Event("type", 0, 1),
        Event("send back", 2, 0),
        Event("media", 1, 0),
        Event("resolution", 3, 1),
        Event("group", 4, 1),
        Event("first label goes", 2, 0),
    ),
    "assets go": (
        Event("delete", 3, 0),
        Event("recreate under another name", 4, named("a.png")),
        Event("unlabel", 1, 0),
        Event("hide", 2, 0),
    ),
    "an asset breaks": (Event("label", 0, 5), Event("break", 0, 0), Event("hide", 2, 0)),
    "it is whole again": (Event("label", 5, named("a.jpg/c.jpg")),),
}


def of_kind(kind: str) -> dict[str, dict[str, str]]:
    """By export of a kind of project, digests of all that was written, oldest first.

    Pictures are exported in every way, other kinds once for each format and compatibility.
    """
    usual, rich = _exports(kind)
    if kind != "pictures":
        rich |= {name: one for name, one in usual.items() if "corrected" not in name}
        return _followed(kind, _Bench(_alternating(rich), _SPLICED, _SHARDED, few_runs=True))
    found = _followed(kind, _Bench(usual, few_runs=True))
    return found | _followed(kind, _Bench(_alternating(rich), _SPLICED, _SHARDED, batch_size=2))


@dataclass(frozen=True)
class _Bench:
    exports: Mapping[str, ExportOptions]
    limits: PartLimits = field(default_factory=PartLimits)
    sharding: ShardRules = field(default_factory=ShardRules)
    batch_size: int = 50
    few_runs: bool = False

    @property
    def steps(self) -> list[tuple[Event, ...]]:
        """What happens between two runs."""
        steps = list(STEPS.values())
        if self.few_runs:
            return [sum(steps[first : first + 3], ()) for first in range(0, len(steps), 3)]
        return steps


def _exports(kind: str) -> tuple[dict[str, ExportOptions], dict[str, ExportOptions]]:
    """For each format, compatibility and layout the plainest options, and the richest ones."""
    groups: dict[str, list[ExportOptions]] = defaultdict(list)
    for of_format in legal_options(kind).values():
        for one in of_format:
            groups[f"{one.format} {one.compatibility} {one.layout}"].append(one)
    authors = (Authors.KEEP, Authors.PSEUDONYMOUS, Authors.OMIT)
    usual = {name: some[0] for name, some in groups.items()}
    rich = {
        f"{name} rich": replace(some[-1], authors=authors[number % 3])
        for number, (name, some) in enumerate(groups.items())
    }
    return usual, rich


def _alternating(exports: Mapping[str, ExportOptions]) -> dict[str, ExportOptions]:
    """One export for each format and compatibility, of one layout and the other in turns."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, one in sorted(exports.items()):
        groups[one.format, one.compatibility].append(name)
    chosen = [names[number % len(names)] for number, names in enumerate(groups.values())]
    return {name: exports[name] for name in chosen}


def _followed(kind: str, wanted: _Bench) -> dict[str, dict[str, str]]:
    assets = Assets(KINDS[kind])
    assets.begin()
    bench = Workbench(
        KINDS[kind].project(),
        dict(wanted.exports),
        kili=assets.kili,
        objects=InMemoryObjects(keeps_versions=True),
        limits=wanted.limits,
        sharding=wanted.sharding,
        batch_size=wanted.batch_size,
    )
    bench.rebuild(confirmed_removals=_MANY)
    assets.marked = set()
    for events in wanted.steps:
        bench.objects.requests.clear()
        assets.happen(events)
        marked, assets.marked = assets.marked, set()
        bench.run(sorted(marked), confirmed_removals=_MANY)
    bench.run([], rewrite=True)
    bench.project = KINDS[kind].project(turned=True)
    bench.rebuild(confirmed_removals=_MANY)
    return dict(_written(bench))


def _written(bench: Workbench) -> Iterator[tuple[str, dict[str, str]]]:
    by_export: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in bench.options}
    runs: dict[str, list[str]] = defaultdict(list)
    for key, data in writings(bench.objects):
        place, _, below = key.split("/", 2)
        export, _, rest = below.partition("/")
        if place in {"exports", "state"}:
            what = rest if rest in _RESTS else rest.partition("/")[0]
            by_export[export][what].append(digest(key.encode() + b"\0" + data))
            if what in {"archives", "deltas"}:
                by_export[export][f"files of {what}"].append(files_digest(data))
        else:
            runs[rest.partition("/")[0]].append(digest(key.encode() + b"\0" + data))
    for export, kinds in by_export.items():
        yield export, {what: " ".join(digests) for what, digests in sorted(kinds.items())}
    suffix = "rich" if any(name.endswith("rich") for name in bench.options) else "usual"
    yield (
        f"runs, {suffix}",
        {what: digest(" ".join(digests).encode()) for what, digests in sorted(runs.items())},
    )
