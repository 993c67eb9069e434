"""The documents of a COCO dataset: what they are called, and which categories they number."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kili_export.core.asset import JsonObject
from kili_export.core.export_options import Layout
from kili_export.core.file_paths import job_folder, member_path
from kili_export.core.project import Job, Project
from kili_export.formats.common.format import ExportContext, FragmentStream, SpanningDocument
from kili_export.formats.common.jobs import has_some_tool
from kili_export.formats.common.readme import dated

_TOOLS = frozenset({"rectangle", "semantic"})
_FILE = "labels.json"


@dataclass(frozen=True, slots=True)
class Document:
    """A `labels.json`: its path, and the numbers of its categories by job and key."""

    path: str
    jobs: Mapping[str, Mapping[str, int]]
    categories: tuple[JsonObject, ...]


def jobs_of(project: Project) -> list[Job]:
    """The jobs that COCO can hold."""
    return [job for job in project.jobs() if has_some_tool(job, _TOOLS)]


@lru_cache(maxsize=32)
def documents_of(context: ExportContext, first: int) -> tuple[Document, ...]:
    """The documents, which every asset asks for; categories are numbered from `first` on."""
    jobs = jobs_of(context.project)
    if context.options.layout is Layout.MERGED:
        return (_merged(jobs, first),)
    return tuple(_of_one_job(job, first) for job in jobs)


def _of_one_job(job: Job, first: int) -> Document:
    numbers = {category.key: number for number, category in enumerate(job.categories, first)}
    categories = tuple(
        {"id": number, "name": key, "supercategory": job.name} for key, number in numbers.items()
    )
    path = member_path(job_folder(job.name), _FILE)
    return Document(path, {job.name: numbers}, categories)


def _merged(jobs: Sequence[Job], first: int) -> Document:
    """Categories are numbered by the names of jobs and keys; annotations keep the jobs' order."""
    numbers: dict[str, dict[str, int]] = {job.name: {} for job in jobs}
    categories: list[JsonObject] = []
    for job in sorted(jobs, key=lambda job: job.name):
        for key in sorted(category.key for category in job.categories):
            number = numbers[job.name][key] = first + len(categories)
            name = f"{job.name}/{key}"
            categories.append({"id": number, "name": name, "supercategory": job.name})
    return Document(_FILE, numbers, tuple(categories))


def spanning(document: Document, context: ExportContext) -> SpanningDocument:
    """The document, its images and annotations still to come."""
    moment = dated(context)
    info = {
        "year": f"{moment:%Y}",
        "version": "1.0",
        "description": f"{context.project.title} - Exported from Kili Python Client",
        "contributor": "Kili Technology",
        "url": "https://kili-technology.com",
        "date_created": moment.isoformat(),
    }
    head = json.dumps({"info": info, "licenses": [], "categories": document.categories})
    return SpanningDocument(
        document.path,
        (
            f'{head[:-1]}, "images": ['.encode(),
            FragmentStream(images_in(document), b", "),
            b'], "annotations": [',
            FragmentStream(annotations_in(document), b", "),
            b"]}",
        ),
    )


def images_in(document: Document) -> str:
    """The stream of the document's images, and the namespace of their numbers."""
    return f"{document.path}:image"


def annotations_in(document: Document) -> str:
    """The stream of the document's annotations, and the namespace of their numbers."""
    return f"{document.path}:annotation"
