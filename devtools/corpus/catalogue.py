"""The generated projects by name."""

from collections.abc import Callable, Mapping

from devtools.corpus import documents, earth, flawed, forms, pictures, videos
from devtools.corpus.drawing import Json
from kili_export.local.kili_standin.projects.project_documents import read_project
from kili_export.local.kili_standin.state.model import Project

CORPUS: Mapping[str, Callable[[int], Json]] = {
    "pictures": pictures.pictures,
    "steps": pictures.steps,
    "connected": pictures.connected,
    "forms": forms.forms,
    "files of answers": forms.files_of_answers,
    "videos": videos.videos,
    "upright videos": videos.upright_videos,
    "native videos": videos.native_videos,
    "videos as a whole": videos.videos_as_a_whole,
    "documents": documents.pdfs,
    "texts": documents.texts,
    "maps": earth.maps,
    "geotiffs": earth.geotiffs,
    "grids": earth.grids,
    "retired category": flawed.retired,
    "untyped": flawed.untyped,
    "shapeless": flawed.shapeless,
    "flat": flawed.flat,
    "empty items": flawed.empty_items,
    "unmeasured": flawed.unmeasured,
    "unmeasured documents": documents.unmeasured_pdfs,
    "namesakes": flawed.namesakes,
    "names": flawed.names,
    "classes": flawed.classes,
    "unprintable": flawed.unprintable,
    "sounds": documents.sounds,
    "layered documents": documents.layered_pdfs,
}


def corpus_project(name: str, seed: int) -> Project:
    """The project of this name. Raises KeyError.

    Ids of the projects of one seed differ, so that they can be on one server.
    """
    number = list(CORPUS).index(name)
    return read_project(CORPUS[name](seed), seed=seed * len(CORPUS) + number)
