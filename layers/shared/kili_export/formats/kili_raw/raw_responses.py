"""A label's answers as raw archives hold them, by the type of the project.

Pictures, videos and documents get pixel coordinates, and lose the note of the view's rotation;
answers of other projects are written as they are.
"""

from collections.abc import Mapping
from typing import Any

from kili_export.core.project import Project
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.frame_pictures import frame_number
from kili_export.formats.common.jobs import detection_jobs
from kili_export.formats.common.pixels import size_of, with_pixels
from kili_export.formats.kili_raw.grid_pixels import grid_size_of, with_grid_pixels
from kili_export.formats.kili_raw.page_pixels import with_page_pixels
from kili_export.formats.shapes.geometry import ROTATION_JOB, rotation_of

_NO_GRID = "the size of the picture is not known, so its label has no pixel coordinates"


def raw_response(
    response: Mapping[str, Any],
    fields: Mapping[str, Any],
    project: Project,
    losses: LossCollector,
    *,
    fractions_alone: bool,
    on_earth: bool = False,
) -> dict[Any, Any]:
    """The answers to write; `fields` are the asset's.

    `fractions_alone` leaves pixels out, of projects that are labeled in pixels only: for others
    the SDK has no such choice. `on_earth`: the answers hold longitudes and latitudes, which have no
    pixels and which no view turns.
    """
    if on_earth:
        return _upright(response)
    if project.is_labeled_in_pixels:
        size = grid_size_of(fields)
        if size is None:
            losses.add(_NO_GRID)
        elif not fractions_alone:
            response = with_grid_pixels(response, size, losses)
    elif project.input_type == "IMAGE":
        response = _picture(response, fields, project, losses)
    elif project.input_type == "VIDEO":
        response = _video(response, fields, project, losses)
    elif project.input_type == "PDF":
        response = with_page_pixels(response, fields, project, losses)
    else:
        return _with_frame_numbers(response)
    # Dropped even where nothing was turned back for want of the picture's size, as by the SDK.
    return _upright(response)


def _upright(response: Mapping[str, Any]) -> dict[Any, Any]:
    """The answers without the note of a rotation."""
    return _with_frame_numbers(
        {job: answer for job, answer in response.items() if job != ROTATION_JOB}
    )


def _picture(
    response: Mapping[str, Any], fields: Mapping[str, Any], project: Project, losses: LossCollector
) -> Mapping[str, Any]:
    size = size_of(fields)
    if size is None:
        return response
    return with_pixels(response, detection_jobs(project), size, rotation_of(response), losses)


def _video(
    response: Mapping[str, Any], fields: Mapping[str, Any], project: Project, losses: LossCollector
) -> Mapping[str, Any]:
    """Every frame is turned by the label's rotation; one that a frame itself notes stays."""
    size = size_of(fields)
    if size is None:
        return response
    jobs, rotation = detection_jobs(project), rotation_of(response)
    return {
        key: with_pixels(frame, jobs, size, rotation, losses)
        if isinstance(frame, Mapping) and key != ROTATION_JOB
        else frame
        for key, frame in response.items()
    }


def _with_frame_numbers(response: Mapping[str, Any]) -> dict[Any, Any]:
    """Keys made of digits as numbers, so that frames are written in numeric order."""
    numbered: dict[Any, Any] = {}
    for key, value in response.items():
        number = frame_number(key)
        numbered[key if number is None else number] = value
    return numbered
