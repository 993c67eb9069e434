"""Where everything lies in the bucket. The first four places are what consumers read."""

import re


def exports_prefix(project_id: str) -> str:
    """All that consumers read of a project."""
    return f"exports/{project_id}/"


EXPORTS_PREFIX = "exports/"
_TABLE = ".table"
_CHANGES = "-changes.table"


def export_prefix(project_id: str, export: str) -> str:
    """All that consumers read of an export."""
    return f"exports/{project_id}/{export}/"


def manifest_key(project_id: str, export: str) -> str:
    """What is current in an export."""
    return f"exports/{project_id}/{export}/manifest.json"


def is_manifest(key: str, project_id: str) -> bool:
    """Whether that is the manifest of an export of this project."""
    name = key.removeprefix(exports_prefix(project_id)).removesuffix("/manifest.json")
    return "/" not in name and key == manifest_key(project_id, name)


_REWRITTEN = re.compile(r"exports/[^/]+/[^/]+/latest\.zip|state/[^/]+/[^/]+/history\.json")
_IMMUTABLE = re.compile(r".+/(archives|deltas|files|ledgers)/\d{8,}-[^/]+\.(zip|table)")


def is_immutable(key: str) -> bool:
    """Whether that is an archive, a delta or a table: nobody writes another one under its key."""
    return _IMMUTABLE.fullmatch(key) is not None


def is_rewritten(key: str) -> bool:
    """Whether that is a current archive or a history. A file of a tree may have the same name."""
    return _REWRITTEN.fullmatch(key) is not None


def latest_key(project_id: str, export: str) -> str:
    """The current archive at a fixed key."""
    return f"exports/{project_id}/{export}/latest.zip"


def report_key(project_id: str, export: str) -> str:
    """What the export's format could not hold, asset by asset."""
    return f"exports/{project_id}/{export}/report.json"


def tree_prefix(project_id: str, export: str) -> str:
    """The files of an export as objects of their own, where it is delivered as a tree."""
    return f"exports/{project_id}/{export}/tree/"


def tree_state_key(project_id: str, export: str) -> str:
    """Which generation the tree holds: beside the tree, which has files of the export alone."""
    return f"exports/{project_id}/{export}/tree.json"


def archives_prefix(project_id: str, export: str) -> str:
    """All archives of an export."""
    return f"exports/{project_id}/{export}/archives/"


def deltas_prefix(project_id: str, export: str) -> str:
    """All deltas of an export."""
    return f"exports/{project_id}/{export}/deltas/"


def archive_key(project_id: str, export: str, generation: int, run_id: str) -> str:
    """An immutable archive."""
    return f"exports/{project_id}/{export}/archives/{generation:08d}-{run_id}.zip"


def delta_key(project_id: str, export: str, generation: int, run_id: str) -> str:
    """An immutable archive of what one generation changed."""
    return f"exports/{project_id}/{export}/deltas/{generation:08d}-{run_id}.zip"


def files_key(
    project_id: str, export: str, generation: int, run_id: str, *, changes: bool = False
) -> str:
    """An immutable table of files: of all, or of what changed."""
    return f"{files_prefix(project_id, export)}{_table_name(generation, run_id, changes)}"


def files_prefix(project_id: str, export: str) -> str:
    """All tables of files of an export."""
    return f"exports/{project_id}/{export}/files/"


def ledger_key(
    project_id: str, export: str, generation: int, run_id: str, *, changes: bool = False
) -> str:
    """An immutable table of an asset ledger: of all entries, or of what changed."""
    return f"{ledgers_prefix(project_id, export)}{_table_name(generation, run_id, changes)}"


def _table_name(generation: int, run_id: str, changes: bool) -> str:
    return f"{generation:08d}-{run_id}{_CHANGES if changes else _TABLE}"


def is_of_changes(key: str) -> bool:
    """Whether a table has nothing but what changed against the tables before it."""
    return key.endswith(_CHANGES)


def state_prefix(project_id: str, export: str) -> str:
    """What is known of an export and not for consumers."""
    return f"state/{project_id}/{export}/"


def history_key(project_id: str, export: str) -> str:
    """Which objects were current, and until when."""
    return f"state/{project_id}/{export}/history.json"


def uploads_key(project_id: str, export: str) -> str:
    """Which uploads an invocation left for the next one of its run."""
    return f"state/{project_id}/{export}/uploads.json"


def ledgers_prefix(project_id: str, export: str) -> str:
    """All asset ledgers of an export."""
    return f"state/{project_id}/{export}/ledgers/"


def snapshots_prefix(project_id: str, export: str) -> str:
    """All snapshots of an export."""
    return f"exports/{project_id}/{export}/snapshots/"


def snapshot_key(project_id: str, export: str, name: str) -> str:
    """A named manifest; what it names is never expired."""
    return f"exports/{project_id}/{export}/snapshots/{name}.json"


def registration_key(project_id: str) -> str:
    """The exports that are declared for a project."""
    return f"registrations/{project_id}.json"


REGISTRATIONS_PREFIX = "registrations/"


def runs_prefix(project_id: str) -> str:
    """Everything that the runs of a project left."""
    return f"runs/{project_id}/"


def run_prefix(project_id: str, run_id: str) -> str:
    """Everything that one run leaves; expired by the bucket's lifecycle."""
    return f"runs/{project_id}/{run_id}/"


def plan_key(project_id: str, run_id: str) -> str:
    """The frozen inputs of a run."""
    return run_prefix(project_id, run_id) + "plan.json"


def work_key(project_id: str, run_id: str) -> str:
    """The assets to convert, one JSON object a line."""
    return run_prefix(project_id, run_id) + "work.jsonl"


def marks_key(project_id: str, run_id: str) -> str:
    """The change marks that the run answers for, one JSON object a line."""
    return run_prefix(project_id, run_id) + "marks.jsonl"


def results_prefix(project_id: str, run_id: str) -> str:
    """Where the workflow writes what the map's children answered."""
    return run_prefix(project_id, run_id) + "results"


def batch_key(project_id: str, run_id: str, attempt: str) -> str:
    """What one attempt at one batch converted. `attempt` is unique to the attempt."""
    return run_prefix(project_id, run_id) + f"batches/{attempt}.bin"


def joins_prefix(project_id: str, run_id: str, export: str) -> str:
    """Objects that a run makes a very large one of, until that is written."""
    return run_prefix(project_id, run_id) + f"joins/{export}/"


def resumption_key(project_id: str) -> str:
    """What the last run of the project converted, if it did not publish everything."""
    return f"state/{project_id}/resumption.json"


def second_looks_key(project_id: str) -> str:
    """Which assets of a project are to be looked at again, and when."""
    return f"state/{project_id}/second-looks.json"


def followed_key(project_id: str) -> str:
    """Which exports of a project every change is followed for."""
    return f"state/{project_id}/followed.json"


def pseudonyms_key(project_id: str) -> str:
    """What authors' pseudonyms are made with. No export is called so: names have no dot."""
    return f"state/{project_id}/pseudonyms.json"


def session_key(project_id: str) -> str:
    """How far the project's full export in slices has come."""
    return f"state/{project_id}/rebuild.json"


def listings_prefix(project_id: str) -> str:
    """The assets of full exports in slices. Not with the runs: those are expired one by one.

    No export's state lies below it: names of exports have no dot.
    """
    return f"state/{project_id}/rebuild.slices/"


def listing_key(project_id: str) -> str:
    """How far the listing of a full export has come that takes several invocations."""
    return listings_prefix(project_id) + "listing.json"


def all_comparisons_prefix(project_id: str) -> str:
    """What was listed of a project to be compared, by whomever."""
    return f"state/{project_id}/comparison.listings/"


def comparisons_prefix(project_id: str, purpose: str) -> str:
    """What was listed so far to be compared: by the sweep or by a run, each for itself."""
    return all_comparisons_prefix(project_id) + f"{purpose}/"


def slice_key(project_id: str, session_id: str, number: int) -> str:
    """One slice of the assets, one JSON object a line."""
    return listings_prefix(project_id) + f"{session_id}/{number:06d}.jsonl"
