"""Documents that cross a boundary."""

import traceback

import pytest
from pydantic import ValidationError

from kili_export.registration.declaration import ProjectRegistration
from kili_export.runs.full_export_session import SessionExport


def test_an_error_shows_nothing_of_what_was_read() -> None:
    """Tracebacks end in logs, and a registration's filters name people."""
    for kind in (ProjectRegistration, SessionExport):
        for read in (b'{"project_id": ["alice@example.com"]}', b'"alice@example.com"'):
            with pytest.raises(ValidationError) as refused:
                kind.from_bytes(read)
            assert "alice" not in "".join(traceback.format_exception(refused.value))
