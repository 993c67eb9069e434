"""Which jobs of an interface a format can hold, and their answers in a label."""

from collections.abc import Iterable, Mapping
from typing import Any

from kili_export.core.asset import JsonObject
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions
from kili_export.core.file_paths import job_folder
from kili_export.core.project import Job, Project

OBJECT_DETECTION = "OBJECT_DETECTION"


def has_only_tools(job: Job, tools: frozenset[str]) -> bool:
    """An object detection job whose tools are all among `tools`; an empty list passes."""
    return job.ml_task == OBJECT_DETECTION and job.tools is not None and tools.issuperset(job.tools)


def has_some_tool(job: Job, tools: frozenset[str]) -> bool:
    """An object detection job with at least one of `tools`."""
    return (
        job.ml_task == OBJECT_DETECTION
        and job.tools is not None
        and not tools.isdisjoint(job.tools)
    )


def require_jobs(jobs: Iterable[object], format_name: str, wanted: str) -> None:
    """Raises IncompatibleProject when there is no job that the format can hold."""
    if not any(True for _ in jobs):
        raise IncompatibleProject(
            f"No job of this project can be exported as {format_name}: it takes object detection"
            f" jobs with {wanted}. Choose another format, such as kili."
        )


def refuse_shared_folders(jobs: Iterable[Job], media_folder: str, options: ExportOptions) -> None:
    """Raises IncompatibleProject when files of two jobs, or of media, could have one name.

    With the layout `split` a job has a folder, called after it: none may be another's, or in it,
    or that of media, where a customer's names stand.
    """
    folders = {media_folder: "the media"} if options.with_assets else {}
    for job in jobs:
        folder = job_folder(job.name)
        for other, owner in folders.items():
            if f"{folder}/".startswith(f"{other}/") or other.startswith(f"{folder}/"):
                raise IncompatibleProject(
                    f"The job {job.name!r} and {owner} would share a folder of {options.format};"
                    " set layout to merged, or rename the job."
                )
        folders[folder] = f"the job {job.name!r}"


def response_of(label: JsonObject) -> Mapping[str, Any]:
    """A label's answers by job; empty when the label holds none."""
    response = label.get("jsonResponse")
    # A dict is recognised many times quicker than a mapping.
    return response if isinstance(response, dict | Mapping) else {}


def annotations_of(response: Mapping[str, Any], job: str) -> list[Any]:
    """The annotations that a label or video frame holds for a job; empty when it has none."""
    answer = response.get(job)
    annotations = answer.get("annotations") if isinstance(answer, dict) else None
    return annotations if isinstance(annotations, list) else []


def first_category(annotation: Mapping[str, Any]) -> str | None:
    """The key of an annotation's first category, the only one that single-class formats hold."""
    categories = annotation.get("categories")
    if not isinstance(categories, list) or not categories:
        return None
    category = categories[0]
    name = category.get("name") if isinstance(category, dict) else None
    return name if isinstance(name, str) else None


def has_nested_answers(annotation: Mapping[str, Any]) -> bool:
    """Whether questions that depend on the annotation's category were answered."""
    if annotation.get("children"):
        return True
    categories = annotation.get("categories")
    if isinstance(categories, list):
        for category in categories:
            if isinstance(category, dict) and category.get("children"):
                return True
    return False


def rings_of(annotation: Mapping[str, Any]) -> list[Any]:
    """The items of an annotation's `boundingPoly`: an outline and its holes; empty without."""
    rings = annotation.get("boundingPoly")
    return rings if isinstance(rings, list) else []


def place_of(job: str, annotation: Any) -> str:
    """How a loss names an annotation: its job, and its `mid` where it has one."""
    mid = annotation.get("mid") if isinstance(annotation, dict) else None
    return f"{job}/{mid}" if isinstance(mid, str) and mid else job


def detection_jobs(project: Project) -> set[str]:
    """The names of the jobs that are answered with shapes."""
    return {job.name for job in project.jobs() if job.ml_task == OBJECT_DETECTION}
