"""What listing assets and listing labels have in common."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_export.core.errors import IncompatibleProject, InvalidConfiguration
from kili_export.core.project import Project
from kili_export.reading.rows.field_selection import CONTENT, LABEL, FieldSelection
from kili_export.reading.rows.kili_rows import RowPage

Line = Mapping[str, Any]
# Their content is made of annotations of another kind; `jsonResponse` would come empty.
_CONVERSATIONS = frozenset({"LLM_INSTR_FOLLOWING", "LLM_STATIC"})


@dataclass(frozen=True, slots=True)
class LineBatch:
    """The lines of some assets or labels. `done` of `total` are dealt with now.

    `failed` tells by id what could not be read, `gone` what was deleted since it was found.
    """

    lines: tuple[Line, ...]
    done: int
    total: int
    failed: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


def batches(
    pages: Iterable[RowPage], total: int, lines_of: Callable[[Line], Iterable[Line]]
) -> Iterator[LineBatch]:
    """The lines of rows, page by page; no more than a page is in memory."""
    done = 0
    for page in pages:
        done += len(page.rows) + len(page.failed) + len(page.gone)
        lines = tuple(line for row in page.rows.values() for line in lines_of(row))
        yield LineBatch(lines, done, total, page.failed, page.gone)


def checked(check: Callable[[Mapping[str, Any]], dict[str, Any]], filters: Line) -> dict[str, Any]:
    """The filters with their values checked. Raises InvalidConfiguration."""
    try:
        return check(filters)
    except ValueError as error:
        raise InvalidConfiguration(str(error)) from None


def refuse_conversations(project: Project, fields: FieldSelection) -> None:
    """Raises IncompatibleProject when contents would have to be made up of something else."""
    if project.input_type in _CONVERSATIONS and fields.reads(CONTENT, LABEL):
        raise IncompatibleProject(
            f"The contents of labels of a project of type {project.input_type} cannot be read one "
            "by one; name other fields than jsonResponse."
        )


def same(row: Line) -> Iterable[Line]:
    """A row as its own line."""
    return (row,)


def shape_fields(project: Project) -> tuple[str, ...]:
    """The fields of an asset that parsing needs in order to tell pixels."""
    if project.input_type == "PDF":
        names = ("pageNumber", "width", "height")
        return tuple(f"pageResolutions.{name}" for name in names)
    if project.input_type == "GEOSPATIAL":
        return ("geospatialExportMetadata",)
    size = ("resolution.width", "resolution.height")
    # Of videos it holds the frames, which may be many and tell nothing here.
    return (*size, "jsonContent") if project.input_type == "IMAGE" else size
