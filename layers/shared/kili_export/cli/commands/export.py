"""`kili-export export`: archives of a project as files, without a stack."""

import json
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final, Never

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.one_shot_export import Exported, ExportRequest
from kili_export.cli.output import bytes_text, complain
from kili_export.cli.progress import ProgressDisplay
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration, TransientError
from kili_export.core.progress import Progress, Tell
from kili_export.wiring.one_shot import OneShot

OPTIONS: Final = (
    "layout",
    "single_file",
    "with_assets",
    "export_type",
    "label_type_in",
    "include_sent_back_labels",
    "normalized_coordinates",
    "asset_ids",
    "external_ids",
    "compatibility",
    "authors",
)
"""Options that are called alike in a declaration and as arguments."""
_SHOWN: Final = 20
_COMPARE_EVERY: Final = timedelta(minutes=5)
"""How often what is followed is compared with Kili, for what no event announces."""


def export(arguments: Namespace) -> ExitCode:
    """Exports, and writes the files in the end: each is whole, or as it was."""
    options = {name: getattr(arguments, name) for name in OPTIONS}
    options["filters"] = _object("--asset-filter-kwargs", arguments.asset_filter_kwargs)
    options["split"] = _object("--split", arguments.split)
    request = ExportRequest.of(
        arguments.project_id, arguments.format, arguments.output, options, arguments.state
    )
    with ExitStack() as shown:
        display = None
        if not arguments.disable_tqdm:
            display = shown.enter_context(ProgressDisplay.choose(as_json=arguments.json))
        tell: Tell = display or _tell_nothing
        with request.one_shot(None, None, tell) as one_shot:
            one_shot.export(allow_removals=arguments.yes)
            written = request.write(one_shot)
            status = _answer(written, display, as_json=arguments.json)
            if arguments.watch:
                _watch(request, one_shot, written, display, arguments)
    return status


def _watch(
    request: ExportRequest,
    one_shot: OneShot,
    written: tuple[Exported, ...],
    display: ProgressDisplay | None,
    arguments: Namespace,
) -> Never:
    """Follows Kili until it is interrupted; what does not answer is asked again."""
    clock = one_shot.app.clock
    compared = clock.now()
    while True:
        clock.sleep(arguments.every)
        try:
            if clock.now() - compared >= _COMPARE_EVERY:
                one_shot.export(allow_removals=arguments.yes)
                compared = clock.now()
            elif not one_shot.follow(allow_removals=arguments.yes):
                continue
            fresh = request.write(one_shot, written)
        except TransientError as error:
            complain(str(error))
            continue
        _answer(fresh, display, as_json=arguments.json)
        replaced = {one.output for one in fresh}
        written = (*(one for one in written if one.output not in replaced), *fresh)


def _answer(
    written: tuple[Exported, ...], display: ProgressDisplay | None, *, as_json: bool
) -> ExitCode:
    if display is not None:
        display.erase()
    for one in written:
        if as_json:
            print(json.dumps({"event": "exported", **asdict(one)}, default=str))
        elif one.output != "-":
            print(described(one))
        for line in _problems(one):
            complain(line)
    return ExitCode.QUARANTINED if any(one.quarantined for one in written) else ExitCode.OK


def described(one: Exported) -> str:
    """A line about an archive."""
    return (
        f"{one.output}: {one.format}, {one.exported} of {counted(one.assets, 'asset')},"
        f" {counted(one.files, 'file')}, {bytes_text(one.size)}"
    )


def _problems(one: Exported) -> list[str]:
    lines = [f"Not in {one.output}: {q.asset_id}: {q.error}" for q in one.quarantined[:_SHOWN]]
    if len(one.quarantined) > _SHOWN:
        lines.append(f"Not in {one.output}: {len(one.quarantined) - _SHOWN} more.")
    return lines


def _object(name: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidConfiguration(f"{name} must be a JSON object, such as '{{\"key\": 1}}'.")
    return found


def _tell_nothing(_: Progress) -> None:
    """For `--disable-tqdm`."""
