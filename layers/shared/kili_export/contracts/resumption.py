"""What a run that failed leaves to the next one."""

from typing import Literal

from kili_export.contracts.base import Document
from kili_export.contracts.workflow import ResultsLocation


class Resumption(Document):
    """The plan of a run that did not publish everything, and what its batches converted.

    `results` are those of runs before it that it took over, oldest first, and its own. Without
    any there is nothing to be taken over. `failures` counts the runs in a row that published
    nothing of it: what was converted may be the reason.
    """

    schema_version: Literal[1] = 1
    plan_key: str = ""
    results: tuple[ResultsLocation, ...] = ()
    failures: int = 0
