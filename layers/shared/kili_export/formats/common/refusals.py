"""What formats refuse alike: options, projects and assets that they cannot hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kili_export.core.asset import SelectedAsset
from kili_export.core.errors import AssetError, IncompatibleProject, TangledOutline
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.core.project import Project

_OF_STEPS: Final = frozenset({"step_name_in", "step_status_in"})
_WITH_STEPS: Final = frozenset({"V2", "V3"})


def refuse_unsupported(project: Project, options: ExportOptions, types: frozenset[str]) -> None:
    """Raises IncompatibleProject for what no format here exports, or not for this input type."""
    if options.with_assets and project.has_data_connections:
        raise IncompatibleProject(
            "The media of a project with data connections lie in your own storage and cannot be"
            " downloaded; set with_assets to false."
        )
    if project.input_type not in types:
        raise IncompatibleProject(
            f"A project of type {project.input_type} cannot be exported as {options.format}; that"
            f" format takes {', '.join(sorted(types))}. Choose another format."
        )
    _refuse_filters_of_another_workflow(project, options)


def _refuse_filters_of_another_workflow(project: Project, options: ExportOptions) -> None:
    """Raises IncompatibleProject for filters that a project of this workflow version has not.

    As the SDK's `export_labels` does: of what kili.domain.asset.helpers refuses elsewhere
    (check_asset_workflow_arguments) it has no other filter checked.
    """
    given = options.filters.keys()
    of_steps = sorted(given & _OF_STEPS)
    version = project.workflow_version
    if version is None:
        return
    if of_steps and version not in _WITH_STEPS:
        raise IncompatibleProject(
            f"The project's workflow has no steps, which {of_steps[0]} selects by; use status_in."
        )
    if of_steps and "status_in" in given and version in _WITH_STEPS:
        raise IncompatibleProject(
            f"The project's workflow has steps: status_in cannot go with {of_steps[0]}; use"
            " step_status_in instead of it."
        )


def refuse_all_labels(options: ExportOptions) -> None:
    """Raises IncompatibleProject for export types whose labels only `kili` and `raw` can hold.

    The SDK writes archives without any label for them.
    """
    if options.export_type in (ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS):
        raise IncompatibleProject(
            f"Export type {options.export_type.value} cannot be written as {options.format}; use"
            " latest_from_last_step or latest, or the format kili."
        )


def refuse_geotiff(asset: SelectedAsset, options: ExportOptions) -> None:
    """Raises AssetError for a picture whose coordinates are longitudes and latitudes.

    Only `kili`, `raw` and `geojson` hold them, and only without normalized_coordinates.
    """
    if is_geotiff(asset):
        raise AssetError(
            f"The picture has geographic coordinates, which {options.format} cannot hold with these"
            " options; use the format kili or geojson, without normalized_coordinates.",
            asset_id=asset.asset_id,
        )


@contextmanager
def refusing_endless_nesting(asset: SelectedAsset) -> Iterator[None]:
    """Turns a failure over answers that are nested too deeply to be written into AssetError."""
    try:
        yield
    except RecursionError:
        raise AssetError(
            "A label of the asset is nested too deeply to be written.", asset_id=asset.asset_id
        ) from None


@contextmanager
def refusing_tangles(asset: SelectedAsset) -> Iterator[None]:
    """Turns a failure over an outline that crosses itself too often into AssetError."""
    try:
        yield
    except TangledOutline as error:
        raise AssetError(
            f"{error}; draw it again, or delete it.", asset_id=asset.asset_id
        ) from None


def is_geotiff(asset: SelectedAsset) -> bool:
    """Whether labels of the asset hold longitudes and latitudes: its first layer decides."""
    layers = asset.json_content
    if layers is None:
        layers = asset.fields.get("jsonContent")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        return False
    first = layers[0]
    return (
        first.get("useClassicCoordinates") is False
        and "epsg" in first
        and first["epsg"] != "TiledImage"
    )
