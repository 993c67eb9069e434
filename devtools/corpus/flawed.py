"""Projects of pictures with one flaw each, and what they would be without it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

import orjson

from devtools.corpus.drawing import SQUARE, Json, Pen, answers, box, job, marker, outline
from devtools.corpus.pictures import document, every_shape, label, picture, some_shapes
from kili_export.local.kili_standin.state.model import Asset, Project, StoredContent

FLAW = "flaw"
"""The `mid` of an annotation that is out of order."""
UNKNOWN_NAME = "nobody is called so.jpg"
SAFE_NAMES: Mapping[str, str] = {
    "../up.jpg": "up.jpg",
    "a//b/./c.jpg": "a/b/c.jpg",
    "x\\y.jpg": "x/y.jpg",
    "tab\there.jpg": "tab_here.jpg",
    "CON.jpg": "_CON.jpg",
    "folder./x.jpg": "folder_/x.jpg",
}
"""External ids that leave their folder or that not every system can write, and what is safe."""


def _project(title: str, seed: int, flawed: list[Json], **more: Any) -> Json:
    """Sound pictures around the flawed ones."""
    pen = Pen(Random(seed))
    before = [picture(f"sound {n}.jpg", label(some_shapes(pen))) for n in range(3)]
    after = [picture(f"z sound {n}.jpg", label(some_shapes(pen))) for n in range(9)]
    return document(title, assets=[*before, *flawed, *after], **more)


def retired(seed: int) -> Json:
    """A category that the interface does not have any more."""
    old = box("LORRY", 0.1, 0.1, 0.2, 0.3, mid=FLAW)
    sound = box("CAR", 0.5, 0.5, 0.7, 0.8)
    one = picture("retired.jpg", label(answers(BOXES=[old, sound])))
    two = picture("only retired.jpg", label(answers(BOXES=[old])))
    return _project("Retired category", seed, [one, two])


def untyped(seed: int) -> Json:
    """An annotation that does not say with which tool it was drawn."""
    unknown = box("CAR", 0.1, 0.1, 0.2, 0.3, mid=FLAW)
    del unknown["type"]
    response = answers(BOXES=[unknown, box("BUS", 0.5, 0.5, 0.7, 0.8)])
    return _project("Untyped", seed, [picture("untyped.jpg", label(response))])


def shapeless(seed: int) -> Json:
    """Annotations without an outline among those that have one."""
    response = answers(
        MIXED=[marker("X", 0.5, 0.5, mid=FLAW), box("Y", 0.1, 0.1, 0.2, 0.3)],
        BOXES=[outline("rectangle", "CAR", mid=FLAW)],
    )
    return _project("Shapeless", seed, [picture("shapeless.jpg", label(response))])


def flat(seed: int) -> Json:
    """A mask of two points."""
    thin = outline("semantic", "APPLE", SQUARE[:2], mid=FLAW)
    response = answers(MASKS=[thin, outline("semantic", "ZEBRA", SQUARE)])
    return _project("Flat", seed, [picture("flat.jpg", label(response))])


def empty_items(seed: int) -> Json:
    """A null in a list of annotations."""
    response = answers(BOXES=[None, box("CAR", 0.1, 0.1, 0.2, 0.3)])
    return _project("Empty items", seed, [picture("null.jpg", label(response))])


def unmeasured(seed: int) -> Json:
    """Pictures of unknown size."""
    turned = {**every_shape(), "ROTATION_JOB": {"rotation": 90}}
    unknown = [
        {**picture("unmeasured.jpg", label(every_shape())), "resolution": None},
        {**picture("unmeasured and turned.jpg", label(turned)), "resolution": None},
    ]
    return _project("Unmeasured", seed, unknown)


def namesakes(seed: int) -> Json:
    """Two categories that people see under the same name."""
    pen = Pen(Random(seed))
    categories = {"CAR": {"name": "Same"}, "BUS": {"name": "Same"}, "VAN": {"name": "Van"}}
    interface = {"jobs": {"BOXES": job(categories)}}
    assets = [
        picture(f"{key} {number}.jpg", label(answers(BOXES=[pen.box(key), pen.box("VAN")])))
        for number in range(4)
        for key in categories
    ]
    return document("Namesakes", jsonInterface=interface, assets=assets)


def names(seed: int) -> Json:
    """Pictures that are called so."""
    pen = Pen(Random(seed))
    return _project("Names", seed, [picture(name, label(some_shapes(pen))) for name in SAFE_NAMES])


def classes(seed: int) -> Json:
    """Categories whose names mean something else in YAML."""
    del seed
    keys = ("it's", "B: #x", "NO", "12", "line\nbreak", "plain")
    interface = {"jobs": {"THINGS": job(keys), "12": job(["~", "ok"], ["polygon", "semantic"])}}
    response = answers(THINGS=[box(key, 0.1, 0.1, 0.5, 0.5) for key in keys])
    return document("Classes", jsonInterface=interface, assets=[picture("a.jpg", label(response))])


def unprintable(seed: int) -> Json:
    """A category whose name no XML file can hold."""
    interface = {"jobs": {"THINGS": job(["A\x01B", "C"])}}
    response = answers(THINGS=[box("A\x01B", 0.1, 0.1, 0.5, 0.5), box("C", 0, 0, 1, 1)])
    del seed
    return document(
        "Unprintable", jsonInterface=interface, assets=[picture("a.jpg", label(response))]
    )


Sound = Callable[[Project], Project]


def without_flaws(project: Project) -> Project:
    """The project without the flawed annotations, and without nulls among annotations."""
    return _with_answers(project, _cleaned)


def with_safe_names(project: Project) -> Project:
    """The project with its pictures called as files can be called everywhere."""
    sound = deepcopy(project)
    for asset in sound.assets.values():
        asset.external_id = SAFE_NAMES.get(asset.external_id, asset.external_id)
    return sound


def with_one_called_so(project: Project) -> Project:
    """The project with an asset, not labelled, of the name that nothing in it has."""
    sound = deepcopy(project)
    some = next(iter(sound.assets.values()))
    sound.assets["nobody"] = replace(some, id="nobody", external_id=UNKNOWN_NAME, labels=[])
    return sound


def without_assets(project: Project) -> Project:
    """The project with nothing in it."""
    sound = deepcopy(project)
    sound.assets = {}
    return sound


def without_unmeasured(project: Project) -> Project:
    """The project without the assets whose size nobody knows."""
    sound = deepcopy(project)
    sound.assets = {
        key: asset
        for key, asset in sound.assets.items()
        if asset.resolution or asset.page_resolutions
    }
    return sound


def with_page_sizes(project: Project) -> Project:
    """The project with the sizes of one document's pages for all documents."""
    sound = deepcopy(project)
    known = next(one.page_resolutions for one in sound.assets.values() if one.page_resolutions)
    for asset in sound.assets.values():
        asset.page_resolutions = known
    return sound


def with_the_first_picture_of_a_name(project: Project) -> Project:
    """The project with the same picture, or frames, for all labelled assets of one name."""
    sound = deepcopy(project)
    firsts: dict[str, Asset] = {}
    for asset in sound.assets.values():
        if asset.labels:
            first = firsts.setdefault(_file_name(asset), asset)
            asset.media, asset.frames = first.media, first.frames
    return sound


def _file_name(asset: Asset) -> str:
    """How the SDK calls the file of an asset: with the ending of what it is, where it has none."""
    if asset.media is None or "." in asset.external_id:
        return asset.external_id
    return f"{asset.external_id}.{asset.media.content_type.partition('/')[2]}"


def without_geotiffs(project: Project) -> Project:
    """The project without the pictures that have coordinates on earth."""
    return without_called(project, "geo.tif")


def without_called(project: Project, name: str) -> Project:
    """The project without the assets of a name."""
    sound = deepcopy(project)
    sound.assets = {key: asset for key, asset in sound.assets.items() if asset.external_id != name}
    return sound


def with_own_names(project: Project) -> Project:
    """The project with every category called by its key."""
    sound = deepcopy(project)
    for declared in sound.json_interface["jobs"].values():
        for key, category in declared["content"]["categories"].items():
            category["name"] = key
    return sound


def with_printable_names(project: Project) -> Project:
    """The project with `_` for what XML cannot hold."""
    sound = _with_answers(
        project, lambda value: orjson.loads(orjson.dumps(value).replace(b"\\u0001", b"_"))
    )
    sound.json_interface = orjson.loads(
        orjson.dumps(sound.json_interface).replace(b"\\u0001", b"_")
    )
    return sound


def without_asset_level(project: Project) -> Project:
    """The project without what is said of whole videos."""
    return _with_answers(
        project, lambda response: {key: one for key, one in response.items() if key != "assetLevel"}
    )


def _with_answers(project: Project, change: Callable[[Any], Any]) -> Project:
    sound = deepcopy(project)
    for _, labelled in sound.labels():
        response = orjson.loads(labelled.content.render())
        labelled.content = StoredContent.of(change(response))
    return sound


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value if not _is_flawed(item)]
    return value


def _is_flawed(item: Any) -> bool:
    return item is None or (isinstance(item, Mapping) and item.get("mid") == FLAW)
