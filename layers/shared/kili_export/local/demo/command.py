"""`kili-export demo`: changes in a stand-in of Kili become archives, and each one is checked."""

import contextlib
import shutil
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kili_export.cli.commands.pull import download
from kili_export.cli.commands.runs import Outcome, repairs, wait_until_settled
from kili_export.cli.executions import Executions
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.local.demo.changes import CHANGES, Change
from kili_export.local.demo.checks import sdk_disagreements
from kili_export.local.demo.kili_process import KiliProcess
from kili_export.local.demo.sdk_exports import layout_of
from kili_export.local.demo.views import Publication, View, view
from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.local.stack.supervisor import LocalStack, StackOptions
from kili_export.maintenance.reconciliation.project_status import ProjectStatus
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports

# The SDK makes them with what it needs by itself, which is little.
EXPORTS = {"kili": "kili", "yolo": "yolo_v8", "voc": "pascal_voc"}
_PATIENCE_SECONDS = 60.0
_WINDOW_SECONDS = 1
_SETTLE_SECONDS = 1


def demo(arguments: Namespace) -> ExitCode:
    """Runs the demo. OK only if every check held."""
    if not find_spec("kili"):
        raise InvalidConfiguration(
            "The demo compares archives with those of Kili's SDK, which is not installed: "
            "pip install 'kili-continuous-export[demo]'"
        )
    folder = Path(arguments.state or tempfile.mkdtemp(prefix="kili-export-demo-"))
    keep = bool(arguments.state or arguments.keep)
    ok = interrupted = False
    try:
        ok = _show(folder, as_json=arguments.json, keep=keep, look=arguments.view)
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if keep or not (ok or interrupted):
            # What a check did not hold on, or a log says, is to be looked at.
            print(f"The demo's files are in {folder}.", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return ExitCode.OK if ok else ExitCode.FAILED


def _show(folder: Path, *, as_json: bool, keep: bool, look: bool) -> bool:
    """The whole demo, with its files in a folder. Answers whether all checks held.

    With `look` there is an export with pictures too, and the stack runs until Ctrl+C at the end.
    """
    state = folder / "state"
    began = time.monotonic()
    with view(as_json=as_json, looks=look) as shown:
        shown.step("Starting a stand-in of Kili, S3, the workers and the workflow")
        with KiliProcess(folder / "kili.log") as kili:
            options = StackOptions(
                state=state,
                kili_api_endpoint=kili.endpoint,
                kili_api_key=kili.api_key,
                port=0,
                window=_WINDOW_SECONDS,
                settle=_SETTLE_SECONDS,
                tuning={"KILI_REQUESTS_PER_MINUTE": "6000"},
            )
            with LocalStack(options, shown.detail) as running:
                connection = connection_to(running, StateDirectory(state))
                archives, ok = _Demo(kili, connection, shown, folder, with_pictures=look).run()
                if look:
                    shown.step(f"Look at the exports, until Ctrl+C: {running.page_url}")
                    _wait_for_interrupt()
        kept = archives if keep or not ok else {}
        shown.end(kept, time.monotonic() - began, ok=ok)
    return ok


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


class _Demo:
    """One demonstration on a running stack."""

    def __init__(
        self,
        kili: KiliProcess,
        connection: StackConnection,
        shown: View,
        folder: Path,
        *,
        with_pictures: bool,
    ) -> None:
        self._kili = kili
        self._connection = connection
        self._services = StackServices.of(connection)
        self._executions = Executions(connection)
        self._shown = shown
        self._folder = folder
        self._declared: dict[str, dict[str, Any]] = {
            name: {"format": kind, "layout": layout_of(kind)} for name, kind in EXPORTS.items()
        }
        if with_pictures:
            self._declared["pictures"] = {"format": "jsonl", "with_assets": True}
        self._generations: dict[str, int] = dict.fromkeys(self._declared, 0)
        self._ok = True

    def run(self) -> tuple[dict[str, str], bool]:
        """All of it. Answers the archives by export, and whether all checks held."""
        self._register()
        for change in CHANGES:
            self._change(change)
        return self._check_archives(), self._ok

    def _register(self) -> None:
        project = self._kili.project_id
        count = len(self._declared)
        self._shown.step(
            f"Registering the sample project {project} with {counted(count, 'export')}"
        )
        began = datetime.now(UTC)
        declared = [{"name": name, **options} for name, options in self._declared.items()]
        registration = parse_registration({"project_id": project, "exports": declared})
        registered = register_exports(
            self._services.objects, self._services.kili, self._services.random, registration
        )
        self._services.kili.install_webhook(
            project,
            self._connection.webhook_url,
            self._services.webhook_secret(),
            f"kili-export-{project}",
        )
        self._services.request_run(project, full=False)
        self._shown.detail(f"{registered.title}: the first, full export")
        self._await(began, lambda fresh: len(fresh) == count)

    def _change(self, change: Change) -> None:
        self._shown.step(change.title)
        began = datetime.now(UTC)
        said = change.act(self._kili.control)
        if said:
            self._shown.detail(said)
        if change.silent:
            found = repairs(self._services.reconcile(self._kili.project_id))
            self._shown.detail(f"reconciliation found: {found or 'nothing'}")
        self._await(began, lambda fresh: change.reaches <= fresh)

    def _await(self, began: datetime, is_enough: Callable[[set[str]], bool]) -> None:
        """Waits until the exports are fresh and nothing is pending any more."""
        fresh: set[str] = set()

        def watch(status: ProjectStatus) -> None:
            fresh.update(self._note(status, began))
            self._shown.progress(self._stage(), {name: name in fresh for name in self._declared})

        outcome = self._settle(watch)
        problems = [] if outcome.code is ExitCode.OK else [outcome.reason]
        if not problems and not is_enough(fresh):
            missing = ", ".join(sorted(self._declared.keys() - fresh))
            problems = [f"nothing was published in {missing}"]
        if problems:
            self._check("the change was published", problems)

    def _settle(self, watch: Callable[[ProjectStatus], None]) -> Outcome:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            outcome = wait_until_settled(
                self._connection, self._services, self._kili.project_id, _PATIENCE_SECONDS, watch
            )
            # Kili calls from a thread of its own: settled counts only once it has called.
            called = self._kili.control("wait_deliveries", timeout=5.0)["idle"]
            pending = self._services.status.read(self._kili.project_id).pending.count
            if (called and not pending) or time.monotonic() > deadline:
                return outcome

    def _note(self, status: ProjectStatus, began: datetime) -> set[str]:
        """Shows generations that are new. Answers the names of their exports."""
        fresh = set()
        for export in status.exports:
            manifest = export.manifest
            if manifest is None or manifest.generation <= self._generations[export.name]:
                continue
            self._generations[export.name] = manifest.generation
            fresh.add(export.name)
            delta = manifest.recent_deltas[-1] if manifest.recent_deltas else None
            self._shown.published(
                Publication(
                    export=export.name,
                    generation=manifest.generation,
                    size=manifest.archive.size,
                    files=manifest.archive.members,
                    added=delta.added if delta else manifest.archive.members,
                    changed=delta.changed if delta else 0,
                    removed=delta.removed if delta else 0,
                    seconds=(manifest.published_at - began).total_seconds(),
                )
            )
        return fresh

    def _stage(self) -> str:
        latest = self._executions.latest(self._kili.project_id, 1)
        if not latest or latest[0].status != "RUNNING" or not latest[0].states:
            return ""
        return latest[0].states[-1]

    def _check_archives(self) -> dict[str, str]:
        self._shown.step("Checking every archive against what Kili's own SDK exports now")
        folder = self._folder / "archives"
        folder.mkdir(exist_ok=True)
        archives = {name: folder / f"{name}.zip" for name in EXPORTS}
        for name, path in archives.items():
            download(self._services, self._kili.project_id, name, path)
        found = sdk_disagreements(
            self._kili,
            {EXPORTS[name]: path for name, path in archives.items()},
            self._folder / "reference",
        )
        for kind, problems in found.items():
            self._check(f"the {kind} archive is what the SDK exports", problems)
        return {name: str(path) for name, path in archives.items()}

    def _check(self, name: str, problems: list[str]) -> None:
        self._ok = self._ok and not problems
        self._shown.check(name, problems)
