"""The stand-in of Kili and every use case around one virtual clock, in one process.

The stand-in answers our client over HTTP on the loopback interface; the bucket, the table and the
workflow are in memory; the webhook's calls wait until somebody delivers, loses or doubles them.
"""

import json
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from devtools.parity.comparison import Verdict, compare
from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.local.kili_standin.http.server import StandIn
from kili_export.local.kili_standin.state.deliveries import Courier
from kili_export.local.kili_standin.state.identifiers import Clock
from kili_export.local.kili_standin.state.model import Project
from kili_export.local.kili_standin.state.webhooks import Delivery
from tests.support.fakes import ManualClock
from tests.support.protocol_world import PROJECT, SECRET, World

EXPORTS: dict[str, dict[str, Any]] = {
    "raw": {"format": "kili"},
    "all": {"format": "kili", "single_file": True, "export_type": "normal"},
    "coco": {"format": "coco"},
    "yolo": {
        "format": "yolo_v8",
        "layout": "merged",
        "export_type": "latest_from_last_step",
        "include_sent_back_labels": False,
    },
    "reviewed": {"format": "pascal_voc", "layout": "merged", "label_type_in": ["REVIEW"]},
    "shown": {"format": "kili", "filters": {"skipped": False}},
}
ALWAYS = ("raw", "yolo")
_ROUNDS = 30
_RESTING = 7 * 3600


class Mailbox(Courier):
    """A courier that carries nothing: calls of the webhook wait here."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.waiting: list[Delivery] = []

    def post(self, deliveries: list[Delivery]) -> None:
        """Takes calls over."""
        self.waiting += deliveries


class System:
    """One project in Kili, its exports, and the time that both live in."""

    kind_of_world: type[World] = World
    api_key = "chaos-key"

    def __init__(self, seed: int, assets: int, *, slice_assets: int = 1000) -> None:
        self.clock = ManualClock()
        self.skew = 0.0
        """Seconds by which Kili's clock is ahead of ours."""
        self.kili = KiliWorld(api_key=self.api_key, seed=seed, now=self._kilis_time)
        self.mailbox = Mailbox(self.kili.clock)
        self.kili.courier = self.mailbox
        project = generate_project(seed, assets, unlabelled_share=0.2, reviewed_share=0.3)
        project.id = PROJECT
        self.project: Project = self.kili.add_project(project)
        self._standin: AbstractContextManager[StandIn] = start_standin(self.kili)
        self.client = KiliClient.connect(
            KiliSettings(self._standin.__enter__().endpoint, self.api_key, 1_000_000), self.clock
        )
        self.client.install_webhook(PROJECT, "http://webhook.example/", SECRET, "chaos")
        self.declared = {name: EXPORTS[name] for name in ALWAYS}
        self.world = self._world(slice_assets)

    def close(self) -> None:
        """Stops the stand-in."""
        self._standin.__exit__(None, None, None)
        self.kili.close()

    def declare(self, exports: dict[str, dict[str, Any]]) -> None:
        """Somebody registers other exports, as `kili-export register` does."""
        self.declared = exports
        self.world.register(**exports)
        self.world.request_run(PROJECT)

    def deliver(self, delivery: Delivery) -> None:
        """Kili calls the webhook."""
        self.world.receive(json.dumps(delivery.body).encode(), delivery.header)

    def come_to_rest(self, *, compare: bool = True) -> int:
        """The schedule alone, and a person who confirms, bring everything to its end.

        Without `compare` the schedule only sweeps. Answers how many rounds that took.
        """
        for number in range(_ROUNDS):
            self.world.run_pending(most=300)
            answer = self.world.look_after(compare=compare)
            [project] = answer.projects
            assert project.error is None, f"reconcile fails: {project.error}"
            try:
                self.world.confirm_removals(PROJECT)
            except InvalidConfiguration:
                repaired = project.repaired.total + project.repaired.quarantined
                if not repaired and not self.world.pending() and not self.world.changes.held:
                    return number
            self.clock.advance(_RESTING)
        left = self.world.changes.subjects(PROJECT)
        raise AssertionError(f"it never comes to rest: {left} are marked, {answer}")

    def left_behind(self) -> list[str]:
        """What nobody needs any more once everything is published, by its kind and name."""
        uploads = [f"upload of {name}" for name in self.world.objects.uploads]
        return uploads + [f"mark of {one}" for one in self.world.changes.subjects(PROJECT)]

    def disagreements(self) -> list[str]:
        """Where an archive is not what a full export of the present state is."""
        fresh = self._world(slice_assets=1000)
        fresh.publish_everything()
        return [
            f"{export} {finding.path}: {finding.verdict.value}, {finding.detail}"
            for export, options in self.declared.items()
            for finding in compare(
                self.world.files(export), fresh.files(export), str(options["format"])
            )
            if finding.verdict not in (Verdict.EQUAL, Verdict.MEANING)
        ]

    def changed_by_a_full_export(self) -> list[str]:
        """Files that differ after everything was made again in place, numbers of COCO included."""
        before = {export: self.world.files(export) for export in self.declared}
        self.world.request_run(PROJECT, full=True)
        self.world.run_pending()
        return [
            f"{export} {finding.path}: {finding.verdict.value}, {finding.detail}"
            for export, files in before.items()
            for finding in compare(files, self.world.files(export), "")
            if finding.verdict not in (Verdict.EQUAL, Verdict.MEANING)
        ]

    def _world(self, slice_assets: int) -> World:
        world = self.kind_of_world(
            exports=dict(self.declared),
            assets=0,
            kili=self.client,  # type: ignore[arg-type]
            clock=self.clock,
            slice_assets=slice_assets,
        )
        world.objects.clock = self.clock
        return world

    def _kilis_time(self) -> Any:
        return self.clock.now() + timedelta(seconds=self.skew)
