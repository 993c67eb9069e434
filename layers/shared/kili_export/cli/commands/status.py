"""`kili-export status`: how projects and their exports stand."""

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kili_export.archives.gates import reason_of_hold
from kili_export.archives.manifest import Manifest
from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.cli.executions import Executions
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text, moment_text
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.counted import counted
from kili_export.maintenance.reconciliation.project_status import ExportStatus, ProjectStatus

_MOST_REASONS = 5


def status(arguments: Namespace) -> ExitCode:
    """Shows one project, or all of them."""
    output = Output(as_json=arguments.json)
    connection = connect(arguments)
    services = StackServices.of(connection)
    executions = Executions(connection)
    chosen = [arguments.project_id] if arguments.project_id else sorted(services.status.projects())
    read = [
        (services.status.read_all(project), executions.latest(project, arguments.executions))
        for project in chosen
    ]
    if output.as_json:
        described = [_described(*one, assets=arguments.assets) for one in read]
        output.result(described[0] if arguments.project_id else {"projects": described}, "")
    else:
        _show(output, read, assets=arguments.assets)
    return _code([project for project, _ in read])


def _code(projects: list[ProjectStatus]) -> ExitCode:
    if any(project.held for project in projects):
        return ExitCode.HELD
    if any(project.quarantined for project in projects):
        return ExitCode.QUARANTINED
    return ExitCode.OK


def _described(
    project: ProjectStatus, runs: Sequence[ExecutionSummary], *, assets: bool
) -> dict[str, Any]:
    return {
        "project_id": project.project_id,
        "exports": [_described_export(export, assets=assets) for export in project.exports],
        "ended": [_described_export(export, assets=assets) for export in project.ended],
        "pending": asdict(project.pending),
        "runner": project.runner,
        "full_export": None if project.full_export is None else asdict(project.full_export),
        "held": None if project.held is None else _described_hold(project),
        "quarantined": project.quarantined,
        "executions": [_described_run(run, batches=assets) for run in runs],
    }


def _described_run(run: ExecutionSummary, *, batches: bool) -> dict[str, Any]:
    """Batches name their assets: what they were handed and what came of it goes with these."""
    maps = [dict(one) for one in run.map_runs]
    for one in maps:
        if not batches:
            one.pop("results", None)
    return {**asdict(run), "map_runs": maps}


def _described_hold(project: ProjectStatus) -> dict[str, Any]:
    assert project.held is not None  # noqa: S101 the caller looked
    return {**asdict(project.held), "exports": sorted(project.held.exports)}


def _described_export(export: ExportStatus, *, assets: bool) -> dict[str, Any]:
    manifest = export.manifest
    named = {"name": export.name, "format": export.format, "blocked_by": export.blocked_by}
    if manifest is None:
        return {**named, "generation": None}
    return {
        **named,
        "generation": manifest.generation,
        "archive_key": manifest.archive.key,
        "archive_generation": manifest.archive.generation,
        "deltas_after_archive": len(manifest.deltas),
        "tree_lag": export.tree_lag,
        "latest": None if manifest.latest is None else manifest.latest.model_dump(mode="json"),
        "etag": manifest.archive.etag,
        "size": manifest.archive.size,
        "members": manifest.counts.members,
        "counts": manifest.counts.model_dump(),
        "published_at": manifest.published_at.isoformat(),
        "freshness_seconds": export.freshness_seconds,
        "moved": manifest.moved.model_dump(),
        "quarantined": len(manifest.quarantined),
        "quarantine_reasons": [
            {"error": error, "assets": count} for error, count in _frequent_reasons(manifest)
        ],
        **({"quarantined_assets": _quarantined_assets(manifest)} if assets else {}),
        "losses": manifest.losses,
    }


def _quarantined_assets(manifest: Manifest) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json") for one in manifest.quarantined]


def _frequent_reasons(manifest: Manifest | None) -> list[tuple[str, int]]:
    """Why assets are left out, and how many: the most frequent reasons."""
    quarantined = manifest.quarantined if manifest else ()
    return Counter(one.error for one in quarantined).most_common(_MOST_REASONS)


def _show(
    output: Output, read: list[tuple[ProjectStatus, Sequence[ExecutionSummary]]], *, assets: bool
) -> None:
    if not read:
        output.line("No project has exports. Declare some: kili-export register PROJECT_ID …")
    for project, runs in read:
        output.table(f"Project {project.project_id}", _EXPORT_COLUMNS, _export_rows(project))
        for line in (*_lines(project, assets=assets), *_ended(project)):
            output.line(line)
        if runs:
            output.table("Runs", ("Started", "Took", "Status", "Where"), _run_rows(runs))


_EXPORT_COLUMNS = ("Export", "Format", "Gen.", "Size", "Assets", "Published")


def _export_rows(project: ProjectStatus) -> list[tuple[object, ...]]:
    return [
        (export.name, export.format, *_published(export.manifest)) for export in project.exports
    ]


def _published(manifest: Manifest | None) -> tuple[object, ...]:
    if manifest is None:
        return ("", "", "", "not yet")
    return (
        manifest.generation,
        bytes_text(manifest.archive.size),
        f"{manifest.counts.exported} of {manifest.counts.assets}",
        moment_text(manifest.published_at),
    )


def _lines(project: ProjectStatus, *, assets: bool = False) -> list[str]:
    pending = project.pending
    lines = [f"Running: {project.runner}" if project.runner else "Nothing is being published."]
    if pending.count:
        since = moment_text(pending.oldest_at) if pending.oldest_at else ""
        later = pending.count - pending.due
        waiting = f"; to be tried again later: {later}" if later else ""
        lines.append(f"Pending: {counted(pending.count, 'change')}, oldest of {since}{waiting}.")
    if project.held is not None:
        lines.append(
            f"Held: {project.held.losses.summary()}. They stay in the archives. "
            f"Confirm the removal: kili-export confirm {project.project_id}"
        )
    lines += _full_export(project)
    for export in project.exports:
        if export.blocked_by:
            lines.append(f"Left out: {export.name}: {export.blocked_by}")
        lines += _follows(project.project_id, export)
        lines += _held_back(project.project_id, export)
        if export.tree_lag:
            lines.append(f"The tree of {export.name} is behind: {export.tree_lag}.")
        lines += _assets_left_out(export) if assets else _reasons(export)
        if export.manifest is not None and export.manifest.losses:
            lines.append(
                f"Unsupported content in {export.name}: {export.manifest.losses}. See what: "
                f"kili-export report {project.project_id} {export.name}"
            )
    if project.quarantined and not assets:
        lines.append(f"Name them with: kili-export status {project.project_id} --assets")
    if project.quarantined:
        lines.append(f"Try them again with: kili-export retry {project.project_id}")
    return lines


def _assets_left_out(export: ExportStatus) -> list[str]:
    quarantined = export.manifest.quarantined if export.manifest else ()
    return [f"Not in {export.name}: {one.asset_id}: {one.error}" for one in quarantined]


def _reasons(export: ExportStatus) -> list[str]:
    """Why assets are left out, the most frequent reasons first."""
    found = _frequent_reasons(export.manifest)
    lines = [f"Not in {export.name}: {counted(count, 'asset')}: {error}" for error, count in found]
    quarantined = export.manifest.quarantined if export.manifest else ()
    if more := len(quarantined) - sum(count for _, count in found):
        lines.append(f"Not in {export.name}: {counted(more, 'more asset')}, for other reasons.")
    return lines


def _full_export(project: ProjectStatus) -> list[str]:
    full = project.full_export
    if full is None:
        return []
    done = f"{full.done} of {counted(full.listed, 'asset')} done"
    return [f"Full export of {', '.join(full.exports)}: {done}."]


def _ended(project: ProjectStatus) -> list[str]:
    return [
        f"Ended: {export.name}: not declared any more, its data stay. Erase them: "
        f"kili-export purge {project.project_id} {export.name}"
        for export in project.ended
    ]


def _held_back(project_id: str, export: ExportStatus) -> list[str]:
    latest = export.manifest.latest if export.manifest else None
    if export.manifest is None or latest is None or not latest.held:
        return []
    at = "is not there yet" if latest.generation is None else f"stays at {latest.generation}"
    line = f"latest.zip of {export.name} {at}, since {moment_text(latest.since)}"
    if latest.released:
        return [f"{line}. It is released; the next run lets it out."]
    way_out = f"Let it out: kili-export release {project_id} {export.name}"
    return [f"{line}: {reason_of_hold(export.manifest)}. {way_out}"]


def _follows(project_id: str, export: ExportStatus) -> list[str]:
    manifest = export.manifest
    if manifest is None or not manifest.deltas:
        return []
    generation, deltas = manifest.archive.generation, counted(len(manifest.deltas), "delta")
    line = f"The archive of {export.name} is of generation {generation}, followed by {deltas}."
    return [f"{line} Write all into one archive: kili-export run {project_id}"]


def _run_rows(runs: Sequence[ExecutionSummary]) -> list[tuple[object, ...]]:
    return [(moment_text(run.started), _took(run), run.status, _where(run)) for run in runs]


def _took(run: ExecutionSummary) -> str:
    return f"{(run.stopped - run.started).total_seconds():.1f} s" if run.stopped else ""


def _where(run: ExecutionSummary) -> str:
    if run.error:
        return f"{run.error}: {run.cause}"
    if run.problem:
        return run.problem
    last = run.states[-1] if run.states else ""
    maps = [
        f"{counted(one['items'], 'asset')} in {one['children']} "
        f"batch{'' if one['children'] == 1 else 'es'}"
        for one in run.map_runs
    ]
    return ", ".join(part for part in (last, *maps) if part)
