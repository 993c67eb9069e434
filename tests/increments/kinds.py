"""Kinds of projects: their interfaces, what their labels hold, how their assets are stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devtools.corpus import documents, earth, flawed, pictures, videos
from devtools.corpus.drawing import box, job
from kili_export.core.project import Project
from tests.support.kili_samples import Json, answers

ADDRESS = "https://storage.example"
_SIZES: Sequence[Any] = (
    {"width": 1000, "height": 400},
    {"width": 333, "height": 777},
    None,
    {"width": 1, "height": 1},
)
_PAGES: Sequence[Any] = (
    [
        {"pageNumber": number, "width": 100 * number, "height": 200, "rotation": 0}
        for number in (1, 2, 3)
    ],
    None,
    [{"pageNumber": 1, "width": 30.5, "height": 20, "rotation": 90}],
)
_ON_EARTH = [{"useClassicCoordinates": False, "epsg": "EPSG4326", "imageUrl": "t"}]


@dataclass(frozen=True, slots=True)
class Stored:
    """How Kili answers an asset: its own fields, and what its `jsonContent` points to.

    `files` are the paths of its media, with their content types.
    """

    fields: Json
    files: Mapping[str, str]
    json_content: Any = None


@dataclass(frozen=True, slots=True)
class State:
    """What decides how an asset is stored. `sign` shows in addresses' queries alone."""

    key: str
    size: int
    version: int
    sign: int


@dataclass(frozen=True)
class Kind:
    """One kind of project. `responses` are what its labels may hold."""

    name: str
    input_type: str
    interface: Json
    responses: tuple[Json, ...]
    stored: Callable[[State], Stored]
    settings: Json | None = None

    def project(self, *, turned: bool = False) -> Project:
        """A project of this kind; `turned`, its jobs and categories are in another order."""
        return Project(
            project_id="proj1",
            title=f"{self.name} é",
            description=None,
            input_type=self.input_type,
            json_interface=_turned(self.interface) if turned else self.interface,
            geospatial_settings=self.settings,
        )


def _turned(interface: Json) -> Json:
    jobs = {}
    for name, declared in reversed(interface["jobs"].items()):
        content = declared["content"]
        categories = dict(reversed(content["categories"].items()))
        jobs[name] = {**declared, "content": {**content, "categories": categories}}
    return {**interface, "jobs": jobs}


def _address(path: str, state: State) -> str:
    return f"{ADDRESS}{path}?X-Signature={state.sign}"


def _picture(state: State) -> Stored:
    path = f"/{state.key}-{state.version}"
    fields = {
        "content": _address(path, state),
        "resolution": _SIZES[state.size % len(_SIZES)],
    }
    return Stored(fields, {path: "image/png" if state.version % 2 else "image/jpeg"})


def _geotiff(state: State) -> Stored:
    """A picture, every other one with places on earth; which of them is so never changes."""
    stored = _picture(state)
    if int(state.key[len("as_")]) % 2:
        return stored
    return Stored({**stored.fields, "jsonContent": _ON_EARTH}, stored.files, _ON_EARTH)


def _frames(state: State) -> Stored:
    count = 3 + 9 * (state.version % 2)
    paths = [f"/{state.key}-{state.version}-{number}" for number in range(count)]
    fields = {
        "content": "",
        "jsonContent": _address(f"/{state.key}.json", state),
        "resolution": _SIZES[state.size % len(_SIZES)],
    }
    frames = {str(number): _address(path, state) for number, path in enumerate(paths)}
    return Stored(fields, dict.fromkeys(paths, "image/png"), frames)


def _film(state: State) -> Stored:
    path = f"/{state.key}-{state.version}"
    fields = {"content": _address(path, state), "resolution": _SIZES[state.size % len(_SIZES)]}
    return Stored(fields, {path: "video/mp4"})


def _sound(state: State) -> Stored:
    path = f"/{state.key}-{state.version}"
    return Stored({"content": _address(path, state), "resolution": None}, {path: "audio/mpeg"})


def _document(state: State) -> Stored:
    path = f"/{state.key}-{state.version}"
    fields = {
        "content": _address(path, state),
        "resolution": None,
        "pageResolutions": _PAGES[state.size % len(_PAGES)],
    }
    return Stored(fields, {path: "application/pdf"})


def _text(state: State) -> Stored:
    plain, rich = (f"/{state.key}-{state.version}-{part}" for part in ("plain", "rich"))
    fields = {"content": _address(plain, state), "resolution": None}
    files = {plain: "text/plain; charset=utf-8"}
    if state.size % 2:
        return Stored(fields, files)
    files[rich] = "application/json"
    return Stored({**fields, "jsonContent": _address(rich, state)}, files, [{"children": []}])


def _map(state: State) -> Stored:
    stored = _picture(state)
    measured = [{"width": 10 * (state.size + 1), "height": 20.7}] if state.size % 3 else []
    return Stored({**stored.fields, "geospatialExportMetadata": measured}, stored.files)


def _responses(*projects: Json) -> tuple[Json, ...]:
    return tuple(
        label["jsonResponse"]
        for declared in projects
        for asset in declared["assets"]
        for label in asset["labels"]
        if isinstance(label.get("jsonResponse"), dict)
    )


_ODD_JOBS = ("images", "data", "labels", "J/1", "CON", "it's: #x", "..", "data.yaml")
_ODD = tuple(
    answers(
        **{name: [box("A", 0.1, 0.2, 0.3 + 0.1 * number, 0.5, mid=f"m{number}")] for name in some}
    )
    for number, some in enumerate((_ODD_JOBS, _ODD_JOBS[::2], _ODD_JOBS[1::2], ()))
)
_SPOKEN: tuple[Json, ...] = (
    {"KIND": {"categories": [{"name": "SPEECH"}]}, "WORDS": {"text": "héé \u2028"}},
    {"WORDS": {"text": ""}},
    {},
)
_PICTURES = pictures.pictures(1)
_DAY = pictures.INTERFACE

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("pictures", "IMAGE", _DAY, _responses(_PICTURES), _picture),
        Kind(
            "flawed pictures",
            "IMAGE",
            _DAY,
            _responses(
                *(
                    make(1)
                    for make in (
                        flawed.retired,
                        flawed.untyped,
                        flawed.shapeless,
                        flawed.flat,
                        flawed.empty_items,
                    )
                )
            ),
            _picture,
        ),
        Kind(
            "oddly named jobs",
            "IMAGE",
            {"jobs": {name: job(["A", "B: #x"], ["rectangle"]) for name in _ODD_JOBS}},
            _ODD,
            _picture,
        ),
        Kind(
            "geotiffs",
            "IMAGE",
            earth.geotiffs(1)["jsonInterface"],
            _responses(earth.geotiffs(1)),
            _geotiff,
        ),
        Kind(
            "videos",
            "VIDEO",
            _DAY,
            _responses(videos.videos(1), videos.videos_as_a_whole(1)),
            _frames,
        ),
        Kind("native videos", "VIDEO", _DAY, _responses(videos.videos(1)), _film),
        Kind(
            "sounds",
            "AUDIO",
            {
                "jobs": {
                    "KIND": job(["SPEECH", "MUSIC"], None, "CLASSIFICATION"),
                    "WORDS": job({}, None, "TRANSCRIPTION"),
                }
            },
            _SPOKEN,
            _sound,
        ),
        Kind(
            "documents",
            "PDF",
            documents.pdfs(1)["jsonInterface"],
            _responses(documents.pdfs(1)),
            _document,
        ),
        Kind(
            "texts",
            "TEXT",
            documents.texts(1)["jsonInterface"],
            _responses(documents.texts(1)),
            _text,
        ),
        Kind(
            "maps",
            "GEOSPATIAL",
            earth.maps(1)["jsonInterface"],
            _responses(earth.maps(1)),
            _map,
        ),
        Kind(
            "grids",
            "GEOSPATIAL",
            _DAY,
            _responses(earth.grids(1)),
            _map,
            {"labelingCRSCode": "PIXEL"},
        ),
    )
}
