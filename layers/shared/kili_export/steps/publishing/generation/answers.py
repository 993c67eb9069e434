"""What publishing one export answers."""

from kili_export.archives.manifest import Manifest
from kili_export.archives.removal_guard import Removals
from kili_export.runs.lease import token_of
from kili_export.runs.messages import AggregateAnswer


def committed(export: str, manifest: Manifest, held: Removals) -> AggregateAnswer:
    """The answer about a manifest that the run committed."""
    delta = manifest.own_delta
    return AggregateAnswer(
        export=export,
        status="held" if held.count else "committed",
        generation=manifest.generation,
        archive_key=manifest.archive.key,
        delta_key=delta.key if delta else None,
        members=manifest.counts.members,
        rewritten=manifest.is_rewritten,
        released=released_by(manifest),
        added=delta.added if delta else manifest.first_members,
        changed=delta.changed if delta else 0,
        removed=delta.removed if delta else 0,
        quarantined=len(manifest.quarantined),
        held_removals=held.count,
        held_exits=held.left,
        size=manifest.archive.size,
        requests=sum(manifest.moved.requests.values()),
        bytes_down=manifest.moved.bytes_down,
        bytes_up=manifest.moved.bytes_up,
    )


def released_by(manifest: Manifest) -> bool:
    """Whether the run that wrote this manifest let `latest.zip` out."""
    latest = manifest.latest
    return latest is not None and not latest.held and latest.run_id == manifest.run_id


def unchanged(
    export: str, previous: Manifest | None, held: Removals, token: int
) -> AggregateAnswer:
    """The answer where nothing is published: what is current, if anything, stays.

    `token` is that of the run's lease. What an earlier attempt of the run committed counts as
    committed: nobody has announced it.
    """
    if previous is not None and token_of(previous.run_id) == token:
        return committed(export, previous, held)
    return AggregateAnswer(
        export=export,
        status="held" if held.count else "unchanged",
        generation=previous.generation if previous else None,
        archive_key=previous.archive.key if previous else None,
        members=previous.counts.members if previous else 0,
        quarantined=len(previous.quarantined) if previous else 0,
        held_removals=held.count,
        held_exits=held.left,
        size=previous.archive.size if previous else 0,
    )
