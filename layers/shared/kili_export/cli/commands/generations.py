"""`kili-export history` and `kili-export diff`: the generations of an export beside each other."""

from argparse import Namespace
from dataclasses import asdict
from typing import Final

from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.statistics import ClassStatistics
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text, moment_text
from kili_export.cli.reading_source import ReadingSource
from kili_export.core.bucket_layout import exports_prefix
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.changes import KINDS, Changes
from kili_export.reading.history import Generation
from kili_export.reading.published_export import PublishedExport

_SHOWN: Final = 40
_UNKNOWN: Final = "-"
_HISTORY_COLUMNS: Final = (
    "Gen.",
    "Published",
    "Files",
    "Added",
    "Changed",
    "Removed",
    "Delta",
    "Name",
)

_CLASS_COLUMNS: Final = ("Class", "Subset", "Objects", "Assets", "Small", "Medium", "Large")


def history(arguments: Namespace) -> ExitCode:
    """Shows what each generation changed, the latest first, of one export or of all."""
    output = Output(as_json=arguments.json)
    source = ReadingSource.of(arguments)
    exports = [source.export(arguments)] if arguments.export else _published(source, arguments)
    answers = {}
    for export in exports:
        found = list(export.history())
        answers[export.name] = {"lineage": export.lineage, "generations": list(map(asdict, found))}
        if not output.as_json:
            rows = list(map(_row, found))
            output.table(f"Generations of {export.name}", _HISTORY_COLUMNS, rows)
    if output.as_json:
        output.result(answers[arguments.export] if arguments.export else {"exports": answers}, "")
    return ExitCode.OK


def _published(source: ReadingSource, arguments: Namespace) -> list[PublishedExport]:
    """Every export of a project that is published. Raises InvalidConfiguration when none is."""
    names = source.objects.folders(exports_prefix(arguments.project_id))
    found = [load_manifest(source.objects, arguments.project_id, name)[0] for name in names]
    if not any(found):
        raise InvalidConfiguration(
            f"Project {arguments.project_id} has no published export. See what is going on with:"
            f" kili-export status {arguments.project_id}"
        )
    return [PublishedExport(source.objects, one) for one in found if one is not None]


def diff(arguments: Namespace) -> ExitCode:
    """Shows what changed between two generations."""
    output = Output(as_json=arguments.json)
    export = ReadingSource.of(arguments).export(arguments)
    changes = export.changes(
        _side(export, arguments.before), _side(export, arguments.after) if arguments.after else None
    )
    if output.as_json:
        output.result(_answer(changes), "")
        return ExitCode.OK
    rows = [(file.kind, file.path, file.asset_id or _UNKNOWN) for file in changes.files[:_SHOWN]]
    if rows:
        title = f"Generation {changes.from_generation} to {changes.generation} of {export.name}"
        output.table(title, ("Change", "File", "Asset"), rows)
    if len(changes) > len(rows):
        output.line(f"… and {len(changes) - len(rows)} more; --json lists all.")
    output.line(_summary(changes))
    if changes.statistics:
        output.table("Objects by class", _CLASS_COLUMNS, list(map(_class_row, changes.statistics)))
    elif changes.statistics is None:
        output.line(
            "Objects are not counted in one of these generations. The next full export does."
        )
    return ExitCode.OK


def _side(export: PublishedExport, word: str) -> int | PublishedExport:
    return int(word) if word.isdecimal() else export.at(word)


def _answer(changes: Changes) -> dict[str, object]:
    return {
        "from_generation": changes.from_generation,
        "generation": changes.generation,
        "files": list(map(asdict, changes)),
        "assets": changes.assets.model_dump(mode="json"),
        "statistics": None
        if changes.statistics is None
        else [one.model_dump(mode="json") for one in changes.statistics],
    }


def _summary(changes: Changes) -> str:
    files = ", ".join(f"{len(changes.paths(kind))} {kind}" for kind in KINDS)
    assets = ", ".join(f"{len(getattr(changes.assets, kind))} {kind}" for kind in KINDS)
    return f"{counted(len(changes), 'file')}: {files}. Assets: {assets}."


def _class_row(one: ClassStatistics) -> tuple[object, ...]:
    numbers = (one.objects, one.assets, one.small, one.medium, one.large)
    return (f"{one.job}/{one.key}", one.subset or _UNKNOWN, *(f"{number:+}" for number in numbers))


def _row(one: Generation) -> tuple[object, ...]:
    return (
        one.generation,
        _UNKNOWN if one.published_at is None else moment_text(one.published_at),
        one.files,
        *(_UNKNOWN if number is None else number for number in (one.added, one.changed)),
        _UNKNOWN if one.removed is None else one.removed,
        _UNKNOWN if one.bytes is None else bytes_text(one.bytes),
        ", ".join(one.snapshots),
    )
