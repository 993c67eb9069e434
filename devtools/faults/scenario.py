"""What happens to a project, stage by stage, from its first full export to the erasure of an asset.

Each stage changes Kili first, then sets the system going: by the webhook calls that Kili makes,
or by what a person asks for from the command line.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from devtools.faults.clients import ENDPOINT
from devtools.faults.cloud import SECRETS
from devtools.faults.deployment import Deployment
from devtools.faults.injection import Crash
from devtools.faults.s3_service import Upload
from devtools.faults.virtual_time import VirtualTime
from kili_export.archives.snapshots import iter_snapshots
from kili_export.core.bucket_layout import archive_key
from kili_export.core.errors import ExportError, InvalidConfiguration, Unavailable
from kili_export.local.kili_standin.changes.world import KiliWorld
from kili_export.local.kili_standin.http.server import Site
from kili_export.local.kili_standin.projects.generated_project import generate_project
from kili_export.local.kili_standin.state.model import StoredMedia
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.maintenance.retention.purge_asset import PurgeAsset
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports
from kili_export.wiring import operating
from kili_export.wiring.application import Application
from kili_export.wiring.operating import confirm_removals, request_run

SNAPSHOT: Final = "v1"
_ASSETS: Final = 6
_MOST_TRIES: Final = 8
_TRY_AGAIN: Final = 300.0
_EXPORTS: Final = (
    {"name": "coco", "format": "coco", "with_assets": True},
    {"name": "raw", "format": "kili", "single_file": False},
)


@dataclass(slots=True)
class Play:
    """One stage as it is played. `unheard`: a call of the webhook was not accepted."""

    deployment: Deployment
    world: KiliWorld
    events: tuple[Mapping[str, Any], ...] = ()
    unheard: bool = False

    @property
    def project_id(self) -> str:
        """The one project."""
        return self.world.project().id

    def deliver(self) -> None:
        """Kili calls the webhook, once for each event."""
        for body in self.events:
            payload = {"body": body, "authorization": SECRETS["webhook"]}
            try:
                self.deployment.invoke("webhook", payload)
            except (FunctionFailed, Crash):
                self.unheard = True

    def insist(self, act: Callable[[Application], Any]) -> None:
        """A person repeats a command until it succeeds. Raises the last error if it never does."""
        for remaining in reversed(range(_MOST_TRIES)):
            try:
                self.deployment.person(act)
            except (ExportError, Crash):
                if not remaining:
                    raise
                self.deployment.time.advance(_TRY_AGAIN)
            else:
                return


def _nothing(_world: KiliWorld) -> None:
    """Kili stays as it is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `announced`: Kili tells of its changes.

    `after_half`: what brings it to one end when Kili could tell of a part only.
    """

    name: str
    change: Callable[[KiliWorld], object] = _nothing
    act: Callable[[Play], None] = Play.deliver
    announced: bool = True
    settings: Mapping[str, int] = field(default_factory=dict)
    parts_at_once: int | None = None
    after_half: Callable[[Play], None] | None = None

    def begin(self, world: KiliWorld) -> tuple[Mapping[str, Any], ...]:
        """Changes Kili. Answers the bodies of the webhook calls that it makes because of that."""
        before = len(world.events)
        self.change(world)
        return tuple(_bodies(world, before)) if self.announced else ()


def new_world(time: VirtualTime) -> KiliWorld:
    """A Kili with one small project, the same each time."""
    world = KiliWorld(api_key=SECRETS["kili-key"], seed=1, now=time.now)
    world.urls.base = ENDPOINT
    project = generate_project(1, _ASSETS, unlabelled_share=0.0)
    for number, asset in enumerate(project.assets.values()):
        asset.media = StoredMedia(f"picture {number}".encode() * 100, "image/png")
    world.add_project(project)
    return world


def new_site(world: KiliWorld) -> Site:
    """The server that answers for a world."""
    return Site(world)


def _bodies(world: KiliWorld, start: int) -> Iterator[Mapping[str, Any]]:
    for record in world.events[start:]:
        yield {
            "event": record.event,
            "projectId": record.project_id,
            "payload": record.payload or {},
        }


def _asset(world: KiliWorld, number: int) -> str:
    return list(world.project().assets)[number]


def _edit(number: int) -> Callable[[KiliWorld], object]:
    def edit(world: KiliWorld) -> object:
        return world.submit_label(_asset(world, number), author="alice@example.com")

    return edit


def _silent_changes(world: KiliWorld) -> None:
    """A label is edited and an asset added, and nobody is told."""
    _edit(3)(world)
    asset = world.add_asset("late.png", media=StoredMedia(b"late" * 200, "image/png"))
    world.submit_label(asset.id, author="alice@example.com")


def _another_silent_change(world: KiliWorld) -> None:
    """A label is edited, and nobody is told; Kili's list of events, read before, tells of it."""
    _edit(4)(world)


def _answer_with_a_file(world: KiliWorld) -> None:
    """The interface asks for a file as well, and a label answers with one."""
    interface = copy.deepcopy(world.project().json_interface)
    content = {"categories": {}, "input": "file"}
    interface["jobs"]["SCAN"] = {"mlTask": "TRANSCRIPTION", "content": content, "required": 0}
    world.set_interface(interface)
    answers = {"SCAN": {"fileId": "file-1", "fileName": "scan.bin", "text": ""}}
    world.submit_label(_asset(world, 3), json_response=answers, author="alice@example.com")


def _die_and_deliver(play: Play) -> None:
    """A run dies right after it planned, in the middle of an upload; its lease stays."""
    play.deliver()
    deployment = play.deployment
    for execution in deployment.pending():
        deployment.note(execution, "RUNNING")
        payload = {"project_id": play.project_id, "execution_arn": execution.arn}
        with suppress(FunctionFailed, Crash):
            deployment.invoke("plan_export", payload)
        deployment.note(execution, "ABORTED")
    begun = Upload(archive_key(play.project_id, "coco", 1, "dead"), deployment.time.now(), {})
    deployment.cloud.bucket.uploads.setdefault("of a run that died", begun)


def _more_classes(world: KiliWorld) -> None:
    interface = copy.deepcopy(world.project().json_interface)
    job = next(one for one in interface["jobs"].values() if one["mlTask"] == "OBJECT_DETECTION")
    job["content"]["categories"]["TREE"] = {"children": [], "color": "#00FF00", "name": "Tree"}
    world.set_interface(interface)


def _delete_most(world: KiliWorld) -> None:
    """More than a tenth of the project goes, and more than the few that may always go."""
    for asset_id in list(world.project().assets)[:4]:
        world.delete_asset(asset_id)


def _confirm(play: Play) -> None:
    def act(application: Application) -> None:
        if application.project_state.held(play.project_id) is not None:
            confirm_removals(application)(play.project_id)
        elif not application.project_state.confirmed(play.project_id):
            raise Unavailable("the permission was lost")
        else:
            request_run(application)(play.project_id)

    play.insist(act)


def _register(*exports: Mapping[str, Any]) -> Callable[[Play], None]:
    def act(play: Play) -> None:
        document = {"project_id": play.project_id, "exports": [dict(one) for one in exports]}
        registration = parse_registration(document)
        play.insist(lambda app: register_exports(app.objects, app.kili(), app.random, registration))
        play.insist(lambda app: request_run(app)(play.project_id))

    return act


def _run_all(play: Play) -> None:
    play.insist(lambda app: request_run(app)(play.project_id, full=True))


def _run_all_and_deliver(play: Play) -> None:
    """A label is edited while a full export in slices begins."""
    _run_all(play)
    play.deliver()


def _compare(play: Play) -> None:
    """The schedule compares Kili: no event told of anything."""
    play.unheard = True


def _snapshot(play: Play) -> None:
    def act(application: Application) -> None:
        try:
            take_snapshot(application.objects, play.project_id, "raw", SNAPSHOT)
        except InvalidConfiguration:
            # Its answer may have been lost; who repeats it is told that the name is there.
            names = dict(iter_snapshots(application.objects, play.project_id, "raw"))
            if SNAPSHOT not in names:
                raise

    play.insist(act)


def _purge(asset_id: Callable[[KiliWorld], str]) -> Callable[[Play], None]:
    def act(play: Play) -> None:
        gone = asset_id(play.world)

        def purge(application: Application) -> None:
            PurgeAsset(operating.eraser(application))(play.project_id, None, gone)

        play.insist(purge)

    return act


def _deleted(world: KiliWorld) -> str:
    """The asset that was deleted, by the event that told of it."""
    for record in world.events:
        if record.event == "asset.deleted" and record.payload:
            return str(record.payload["assetId"])
    raise LookupError("no asset was deleted")


STAGES: Final[tuple[Stage, ...]] = (
    Stage("first export", act=_register(*_EXPORTS)),
    Stage("increment", _edit(1)),
    Stage("slow copies", _edit(5), parts_at_once=2),
    Stage("rename", lambda world: world.rename_asset(_asset(world, 2), "renamed.png")),
    Stage("snapshot", act=_snapshot),
    Stage("delete", lambda world: world.delete_asset(_asset(world, 0))),
    Stage("reconcile", _silent_changes, _compare, announced=False),
    Stage("second comparison", _another_silent_change, _compare, announced=False),
    Stage("dead run", _edit(5), _die_and_deliver),
    Stage("interface", _more_classes),
    Stage("file of an answer", _answer_with_a_file),
    Stage("options", act=_register({**_EXPORTS[0], "with_assets": False}, _EXPORTS[1])),
    Stage("slices", act=_run_all, settings={"SLICE_ASSETS": 2}),
    Stage("increment and slices", _edit(4), _run_all_and_deliver, settings={"SLICE_ASSETS": 3}),
    # Of what comes by twos and threes, the first is let go unasked and only the rest is held.
    Stage("mass deletion", _delete_most, after_half=_confirm),
    Stage("confirmation", act=_confirm),
    Stage("purge", act=_purge(_deleted)),
)
"""Every stage begins where the one before ended."""
