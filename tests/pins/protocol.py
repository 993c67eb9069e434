"""What runs, events and commands leave in the bucket, the table and on the bus."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from botocore.exceptions import ClientError

from tests.pins.product import (
    KINDS,
    LATER,
    PROJECT,
    Assets,
    BegunUpload,
    BudgetRules,
    ConditionFailed,
    CountingTokens,
    DynamoChangeStore,
    DynamoProjectState,
    DynamoRateLimits,
    ExportOptions,
    FolderOnDisk,
    InMemoryObjects,
    ManualClock,
    ReconcileRequest,
    ResumableUploads,
    SentPart,
    SyncRequest,
    Table,
    TableService,
    Workbench,
    World,
    budget_name,
    keys,
    sync_folder,
    take_snapshot,
)
from tests.pins.records import document, documents, writings

EXPORTS: dict[str, dict[str, Any]] = {
    "raw": {"format": "raw", "authors": "pseudonymous"},
    "coco": {"format": "coco", "layout": "merged", "filters": {"label_author_in": ["a@b.c"]}},
    "yolo": {
        "format": "yolo_v8",
        "compatibility": "corrected",
        "split": {"train": 0.75, "val": 0.25, "group_by": "site"},
    },
}
_ORDERLESS = {"followed.json": "names", "second-looks.json": "due"}
"""Documents with a field that is made of a set."""


class OnePage:
    """An invocation has time for one page of a listing."""

    def is_up(self) -> bool:
        return True


class TableClient:
    """The client of the table, as far as it is used."""

    def __init__(self) -> None:
        self.service = TableService()

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        name = operation.title().replace("_", "")
        return lambda **request: self._answer(name, request)

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.service.answer(operation, request)
        except ConditionFailed as failed:
            error: Any = {"Code": "ConditionalCheckFailedException"}
            refusal: Any = {"Error": error, "Item": failed.args[0] or {}}
            raise ClientError(refusal, operation) from None


@dataclass
class Scene:
    """A world whose table is the real adapters', and what was seen of it so far."""

    world: World
    client: TableClient = field(default_factory=TableClient)
    items: dict[str, list[Any]] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, **more: Any) -> "Scene":
        """Every writing is kept."""
        client = TableClient()
        table = Table(client, "table")  # type: ignore[arg-type]
        world = World(
            objects=InMemoryObjects(keeps_versions=True),
            changes=DynamoChangeStore(table, threads=1),  # type: ignore[arg-type]
            state=DynamoProjectState(table),  # type: ignore[arg-type]
            **more,
        )
        world.objects.clock = world.clock
        return cls(world, client)

    def note(self, moment: str) -> None:
        """Notes the items of the table."""
        self.items[moment] = [
            {"pk": pk, "sk": sk, **{name: item[name] for name in sorted(item)}}
            for (pk, sk), item in sorted(self.client.service.items.items())
        ]

    def run_all(self) -> None:
        """Runs executions until none waits."""
        for _ in range(40):
            if not self.world.pending():
                return
            self.answers.append(_plain(self.world.run(self.world.pending()[0])))
        raise AssertionError("executions start each other without end")

    def pins(self) -> dict[str, Any]:
        """All that was seen."""
        return {
            "objects": documents(_ordered(self.world.objects)),
            "items": self.items,
            "executions": [
                [name, _plain(one)] for name, one in self.world.workflow.started.items()
            ],
            "events": [[kind, _plain(one)] for kind, one in self.world.publisher.sent],
            "answers": self.answers,
        }


def protocol() -> dict[str, Any]:
    """By scene, what is left of it."""
    return {
        "life of a project": _life(),
        "full export in slices": _slices(),
        "listings that take several invocations": _listings(),
        "uploads that take several invocations": _uploads(),
        "folder that follows an export": _folder(),
        "rate limit": _rate_limit(),
    }


def _life() -> dict[str, Any]:
    scene = Scene.of(exports=EXPORTS, assets=12)
    world = scene.world
    world.kili.filtered = set(world.kili.assets)
    world.request_run(PROJECT)
    scene.note("a run was asked for")
    scene.run_all()
    scene.note("everything is published")
    _events(scene)
    _failures(scene)
    _removals(scene)
    _schedule(scene)
    take_snapshot(world.objects, PROJECT, "coco", "v1.0")
    world.register(**EXPORTS, geo={"format": "geojson"}, map={"format": "kili", "asset_ids": []})
    world.request_run(PROJECT, full=True)
    scene.run_all()
    scene.note("another export was added")
    return scene.pins()


def _events(scene: Scene) -> None:
    world = scene.world
    world.submit("as_001", "second", left=0.3)
    world.clock.advance(2)
    world.submit("as_001", "third", left=0.35)
    world.clock.advance(2)
    world.replace("as_001", "third again", left=0.36)
    world.replace("as_002", "fourth")
    world.post(None, event="project.updated")
    scene.note("events came")
    scene.run_all()
    world.kili.broken = {"as_003"}
    world.submit("as_003", "fifth", left=0.4)
    for number in range(25):
        world.post("as_004", f"unreadable_{number:02d}")
    scene.note("an asset cannot be read, another one's label is not there")
    scene.run_all()
    scene.note("what could not be exported waits")


def _failures(scene: Scene) -> None:
    """An execution fails as a whole; the export of another one fails."""
    world = scene.world
    world.kili.broken = set()
    world.submit("as_005", "sixth", left=0.5)
    name = world.pending()[0]
    scene.answers.append(_plain(world.fail(name, world.begin(name), "AccessDenied", "refused")))
    scene.note("a run failed")
    world.submit("as_006", "seventh", left=0.55)
    name = world.pending()[0]
    planned = world.begin(name)
    scene.answers.append(_plain(planned))
    results = world.convert(planned)
    exports = world.aggregate(planned, results, broken=["coco"])
    scene.answers.append(_plain(world.finish_run(name, planned, results, exports)))
    scene.note("an export failed")
    scene.run_all()


def _removals(scene: Scene) -> None:
    world = scene.world
    for number in range(6, 11):
        del world.kili.assets[f"as_{number:03d}"]
        world.post(f"as_{number:03d}", event="asset.deleted")
    world.run(world.pending()[0])
    scene.note("removals are held")
    world.confirm_removals(PROJECT)
    scene.note("removals are confirmed")
    scene.run_all()
    scene.note("removals are done")


def _schedule(scene: Scene) -> None:
    world = scene.world
    world.kili.tell_past("event1", world.clock.now(), "label.workflow.edited", "as_001")
    world.kili.label("as_002", "eighth", left=0.6)
    scene.answers.append(_plain(world.look_after()))
    scene.note("the schedule compared")
    scene.run_all()
    world.clock.advance(LATER.total_seconds())
    scene.answers.append(_plain(world.look_after(compare=False)))
    scene.note("assets are looked at again")
    scene.run_all()


def _slices() -> dict[str, Any]:
    scene = Scene.of(assets=10, slice_assets=2)
    world = scene.world
    world.time_left = OnePage()
    world.request_run(PROJECT)
    scene.answers.append(_plain(world.run(world.pending()[0])))
    world.time_left = None
    scene.note("a slice is converted")
    world.submit("as_001", "second", left=0.3)
    scene.run_all()
    return scene.pins()


def _listings() -> dict[str, Any]:
    scene = Scene.of(assets=10)
    world = scene.world
    world.request_run(PROJECT)
    scene.run_all()
    world.kili.label("as_001", "unheard", left=0.6)
    for _ in range(4):
        scene.answers.append(_plain(world.reconcile(ReconcileRequest(), OnePage())))
    scene.run_all()
    return scene.pins()


def _uploads() -> dict[str, Any]:
    objects = InMemoryObjects(keeps_versions=True)
    journal = ResumableUploads(
        objects,
        None,
        project_id=PROJECT,
        export="raw",
        run_id="00000001-a",
        random=CountingTokens(),
    )
    key = keys.archive_key(PROJECT, "raw", 1, journal.attempt)
    journal.record(key, BegunUpload("upload1", "0a" * 16, ()))
    parts = (SentPart(1, '"etag1"', "AAAAAA=="), SentPart(2, '"etag2"', "BBBBBB=="))
    journal.record(key, BegunUpload("upload1", "0a" * 16, parts))
    journal.ended(key)
    return {"objects": documents(_ordered(objects))}


def _folder() -> dict[str, Any]:
    """The times of its files are left out: they are the file system's."""
    assets = Assets(KINDS["pictures"])
    assets.begin()
    options = {"yolo": ExportOptions("yolo_v8")}
    bench = Workbench(KINDS["pictures"].project(), options, kili=assets.kili)
    bench.rebuild()
    with tempfile.TemporaryDirectory() as place:
        with FolderOnDisk.open(Path(place)) as folder:
            sync_folder(bench.objects, folder, SyncRequest(bench.project.project_id, "yolo"))
        own = Path(place, ".kili-export")
        return {
            "state.json": document((own / "state.json").read_bytes()),
            "files.jsonl": [
                _without_times(document(line))
                for line in (own / "files.jsonl").read_bytes().splitlines()
            ],
            "names": sorted(one.name for one in own.iterdir()),
        }


def _without_times(line: Any) -> Any:
    if isinstance(line, dict):
        return {name: _without_times(value) for name, value in line.items()}
    if isinstance(line, list):
        return [_without_times(value) for value in line]
    return "a time" if isinstance(line, int) and line > 10**15 else line


def _rate_limit() -> dict[str, Any]:
    scene = Scene.of()
    clock = ManualClock()
    table = Table(scene.client, "table")  # type: ignore[arg-type]
    name = budget_name("arn:aws:secretsmanager:eu-west-1:1:secret:kili")
    budget = DynamoRateLimits(table, name, clock)
    places = [budget.take(BudgetRules.per_minute(500), count).places for count in (1, 3)]
    budget.pause(budget.now() + 5_000_000)
    scene.note("calls were taken")
    return {"places": _plain(places), "items": scene.items}


def _ordered(objects: InMemoryObjects) -> Iterator[tuple[str, bytes]]:
    """What was written, with everything in order that has none: each process has its own."""
    for key, data in writings(objects):
        name = _ORDERLESS.get(key.rpartition("/")[2])
        if name is None:
            yield key, data
        else:
            value = orjson.loads(data)
            one = value[name]
            in_order = dict(sorted(one.items())) if isinstance(one, dict) else sorted(one)
            yield key, orjson.dumps({**value, name: in_order})


def _plain(value: Any) -> Any:
    """The JSON value of an answer."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | timedelta):
        return str(value)
    return value
