"""All options of exports, and those that a project can be exported with."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.project import Project
from kili_export.formats.registry import FORMATS, format_of
from tests.increments.kinds import KINDS

SPLITS = (None, Split(0.5, 0.25, 0.25), Split(0.5, 0.5, 0.0, "site"))


def options_of(format_name: str) -> Iterator[ExportOptions]:
    """Every combination of the options that a format may refuse, a split where one may stand."""
    for compatibility, layout, single_file, with_assets, export_type, normalized in product(
        Compatibility, Layout, (False, True), (False, True), ExportType, (None, False, True)
    ):
        corrected = compatibility is Compatibility.CORRECTED
        for split in SPLITS if corrected and format_name.startswith("yolo_") else (None,):
            yield ExportOptions(
                format_name,
                layout=layout,
                single_file=single_file,
                with_assets=with_assets,
                export_type=export_type,
                normalized_coordinates=normalized,
                compatibility=compatibility,
                split=split,
            )


def refusal(project: Project, options: ExportOptions) -> str | None:
    """Why registering the export is refused; None when it is accepted."""
    try:
        format_of(options).check(project, options)
    except IncompatibleProject as refused:
        return str(refused)
    return None


@cache
def legal_options(kind: str) -> Mapping[str, tuple[ExportOptions, ...]]:
    """By format, what a project of this kind can be exported with; formats without any left out."""
    project = KINDS[kind].project()
    legal = {
        name: tuple(one for one in options_of(name) if refusal(project, one) is None)
        for name in FORMATS
    }
    return {name: found for name, found in legal.items() if found}
