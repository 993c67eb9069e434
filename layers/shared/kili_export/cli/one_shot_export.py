"""Exports into files, in this process: what the command and the Python function share."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kili_export.archives.manifest import Manifest, Quarantined
from kili_export.cli.files import STANDARD, check_target, whole_file
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.progress import Progress, Tell
from kili_export.formats.registry import FORMATS
from kili_export.machine.sole_owner import remove_owned, sole_owner
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration
from kili_export.wiring.folder_application import FolderApplication
from kili_export.wiring.one_shot import OneShot
from kili_export.wiring.settings import Settings

KEY = "KILI_API_KEY"


@dataclass(frozen=True, slots=True)
class Exported:
    """One archive that was written: the assets with files in it of all, its files, its bytes."""

    format: str
    output: str
    generation: int
    exported: int
    assets: int
    files: int
    size: int
    quarantined: tuple[Quarantined, ...] = ()
    """Assets that could not be exported, with the reasons."""

    @classmethod
    def of(cls, manifest: Manifest, output: str, size: int) -> "Exported":
        """What a manifest says about a file."""
        counts = manifest.counts
        return cls(
            manifest.format,
            output,
            manifest.generation,
            counts.exported,
            counts.assets,
            counts.members,
            size,
            manifest.quarantined,
        )


def export(
    project_id: str,
    format: str | Sequence[str],  # noqa: A002 the name that it has everywhere
    output: str | Path | Sequence[str | Path],
    *,
    layout: str | None = None,
    single_file: bool | None = None,
    with_assets: bool = True,
    export_type: str | None = None,
    label_type_in: Sequence[str] | None = None,
    include_sent_back_labels: bool | None = None,
    normalized_coordinates: bool | None = None,
    asset_ids: Sequence[str] | None = None,
    external_ids: Sequence[str] | None = None,
    asset_filter_kwargs: Mapping[str, Any] | None = None,
    compatibility: str | None = None,
    split: Mapping[str, Any] | None = None,
    authors: str | None = None,
    api_key: str | None = None,
    api_endpoint: str | None = None,
    state: str | Path | None = None,
    allow_removals: bool = False,
    progress: Tell | None = None,
) -> tuple[Exported, ...]:
    """Writes what `kili.export_labels` would write, and answers what was written.

    The options are those of `kili.export_labels`, by their names and with its defaults. Several
    formats, each with its output, fetch everything once. `state` is a directory that the next call
    continues from: it fetches and converts what changed. Without it a call that was interrupted is
    continued by the next one for the same output. `api_key` and `api_endpoint` are
    `KILI_API_KEY` and `KILI_API_ENDPOINT` of the environment if they are not given.

    Raises the errors of `kili_export.core.errors`: InvalidConfiguration for what cannot work,
    RemovalsHeld when more than a tenth of the assets in `state` vanished and `allow_removals` does
    not allow it, TransientError when Kili does not answer. The outputs are then as they were.
    """
    options = {
        "layout": layout,
        "single_file": single_file,
        "with_assets": with_assets,
        "export_type": export_type,
        "label_type_in": label_type_in,
        "include_sent_back_labels": include_sent_back_labels,
        "normalized_coordinates": normalized_coordinates,
        "asset_ids": asset_ids,
        "external_ids": external_ids,
        "filters": asset_filter_kwargs,
        "compatibility": compatibility,
        "split": split,
        "authors": authors,
    }
    formats = [format] if isinstance(format, str) else list(format)
    outputs = [str(output)] if isinstance(output, str | Path) else [str(one) for one in output]
    request = ExportRequest.of(project_id, formats, outputs, options, state)
    with request.one_shot(api_key, api_endpoint, progress or _say_nothing) as one_shot:
        one_shot.export(allow_removals=allow_removals)
        return request.write(one_shot)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be exported, and the file that each format is written to."""

    registration: ProjectRegistration
    outputs: tuple[str, ...]
    state: Path | None

    @classmethod
    def of(
        cls,
        project_id: str,
        formats: Sequence[str],
        outputs: Sequence[str],
        options: Mapping[str, Any],
        state: str | Path | None = None,
    ) -> "ExportRequest":
        """Raises InvalidConfiguration, before any work. Options that are None are defaults."""
        if len(outputs) != len(formats) or len(set(outputs)) != len(outputs):
            raise InvalidConfiguration("Give each format an output of its own, in the same order.")
        given = {name: value for name, value in options.items() if value is not None}
        exports = [{"name": one, "format": one, **given} for one in formats]
        registration = parse_registration({"project_id": project_id, "exports": exports}, FORMATS)
        for output in outputs:
            check_target(output)
        return cls(registration, tuple(outputs), None if state is None else Path(state))

    @contextmanager
    def one_shot(
        self, api_key: str | None, api_endpoint: str | None, tell: Tell
    ) -> Iterator[OneShot]:
        """What exports it, in its folder, which goes in the end unless it is the state's.

        Of a call that fails it stays, so that the next one goes on. Raises InvalidConfiguration.
        """
        key = (api_key or os.environ.get(KEY, "")).strip()
        if not key:
            raise InvalidConfiguration(
                f"{KEY} is not set. Make a key in Kili (My profile, API keys) and export it; for a "
                "Kili of your own set KILI_API_ENDPOINT too."
            )
        settings = Settings.from_environment()
        if api_endpoint is not None:
            settings = replace(settings, kili_api_endpoint=api_endpoint)
        with self._folder() as folder:
            app = FolderApplication(settings, folder, key, durable=self.state is not None)
            try:
                yield OneShot(app, self.registration, tell)
            finally:
                app.close()

    def write(self, one_shot: OneShot, former: Sequence[Exported] = ()) -> tuple[Exported, ...]:
        """Writes every output, but those that are as `former` says: each is whole, or as it was.

        Answers what was written.
        """
        one_shot.tell(Progress("writing"))
        known = {(one.output, one.generation) for one in former}
        written = []
        for name, output in zip(one_shot.exports, self.outputs, strict=True):
            if (output, one_shot.generation(name)) not in known:
                with whole_file(output) as file:
                    manifest = one_shot.pull(name, file)
                    written.append(Exported.of(manifest, output, file.tell()))
        return tuple(written)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        if self.state is not None:
            with sole_owner(self.state):
                yield self.state
            return
        first = Path(self.outputs[0])
        if self.outputs[0] == STANDARD or (first.exists() and not first.is_file()):
            with tempfile.TemporaryDirectory(prefix="kili-export-") as name:
                yield Path(name)
            return
        folder = first.with_name(f".{first.name}.export")
        with sole_owner(folder):
            yield folder
            # Still held: nobody else begins in what is being removed.
            remove_owned(folder)


def _say_nothing(_: Progress) -> None:
    """For callers that do not ask."""
