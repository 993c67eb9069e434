"""What is changed, by group: the modules, and the tests that have to notice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "layers/shared/kili_export"

_CONFLICTS: Final = tuple(
    f"tests/unit/steps/publishing/test_{name}.py"
    for name in (
        *("path_conflicts", "folder_names", "increments", "increments_of_everything"),
        *("failures_in_full_exports", "media"),
    )
)

GROUPS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "archive": (
        tuple(
            f"splicing/{name}.py"
            for name in (
                *("addition", "archive_reader", "assembly", "central_directory", "crc32"),
                *("directory_merge", "end_of_directory", "entries", "entry_record", "held_bytes"),
                *("numbers", "offset_shift", "part_joins", "part_limits", "part_reads", "regions"),
                *("segment", "splice", "upload_parts", "zip_headers"),
            )
        ),
        ("tests/unit/splicing",),
    ),
    "conflicts": (
        (
            *(f"archives/ledger/{name}.py" for name in ("contested_paths", "path_conflicts")),
            *(
                f"steps/publishing/path_conflicts/{name}.py"
                for name in ("in_full_export", "in_increment")
            ),
            "core/file_paths.py",
        ),
        (*_CONFLICTS, "tests/unit/formats/test_names.py"),
    ),
    "changes": (
        (
            *(f"changes/events/{name}.py" for name in ("pending_changes", "receive_event")),
            "steps/planning/select_changes.py",
        ),
        (
            *(
                f"tests/unit/changes/events/test_{name}.py"
                for name in ("marks", "marks_and_clearing", "receiving")
            ),
            "tests/unit/steps/planning/test_selecting_marks.py",
            "tests/unit/steps/completion/test_settling.py",
        ),
    ),
    "lease": (
        ("runs/lease.py", "steps/planning/fence_predecessor.py"),
        ("tests/unit/runs/test_lease.py", "tests/unit/runs/test_lease_rules.py"),
    ),
    "removals": (
        ("archives/removal_guard.py",),
        (
            "tests/unit/steps/completion/test_removals.py",
            "tests/unit/archives/test_removal_rules.py",
        ),
    ),
    "listing": (("kili/listing.py",), ("tests/unit/kili/test_listing.py",)),
}
