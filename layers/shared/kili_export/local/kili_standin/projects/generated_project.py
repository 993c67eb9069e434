"""Synthetic projects of any size, the same for the same arguments.

Fifty thousand assets take about a second: pictures and label contents are worked out when they
are read.
"""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from random import Random

from kili_export.local.kili_standin.projects.answers import SCENE_INTERFACE, SceneContent
from kili_export.local.kili_standin.projects.pictures import ScenePicture
from kili_export.local.kili_standin.state.identifiers import IdentifierSource
from kili_export.local.kili_standin.state.model import Asset, Label, LabelType, Project, Step, User

STARTED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_SIZES = ((320, 240), (240, 320), (400, 300), (256, 256))
_PEOPLE = (
    ("alice@example.com", "Alice", "Adams", "LABELER"),
    ("bob@example.com", "Bob", "Baker", "LABELER"),
    ("chloe@example.com", "Chloé", "Çelik", "REVIEWER"),
    ("detector@example.com", "Detector", "Model", "ADMIN"),
)


class ProjectMaker:
    """Hands out ids, dates and scenes while a project is put together."""

    def __init__(self, seed: int, title: str, description: str | None, input_type: str) -> None:
        self.seed = seed
        self.random = Random(seed)
        self._ids = IdentifierSource(seed)
        self._now = STARTED
        self.people = [User(self._next()[0], *person) for person in _PEOPLE]
        steps = [
            Step(self._next()[0], "Labeling", "DEFAULT"),
            Step(self._next()[0], "Review", "REVIEW"),
        ]
        identifier, created_at = self._next()
        self.project = Project(
            id=identifier,
            title=title,
            description=description,
            input_type=input_type,
            json_interface=deepcopy(SCENE_INTERFACE),
            created_at=created_at,
            updated_at=created_at,
            users=self.people,
            steps=steps,
        )

    def _next(self) -> tuple[str, datetime]:
        self._now += timedelta(milliseconds=1370)
        return self._ids.next_id(self._now), self._now

    def add_asset(self, external_id: str) -> Asset:
        """A new picture at the end of the project, without labels."""
        identifier, created_at = self._next()
        number = len(self.project.assets)
        width, height = _SIZES[number % len(_SIZES)]
        asset = Asset(
            id=identifier,
            external_id=external_id,
            created_at=created_at,
            updated_at=created_at,
            media=ScenePicture(self.seed * 1_000_003 + number, width, height),
            resolution=(width, height),
            json_metadata={"index": number, "camera": "north" if number % 2 else "south"},
        )
        self.project.assets[identifier] = asset
        return asset

    def add_label(
        self,
        asset: Asset,
        person: int,
        label_type: LabelType = "DEFAULT",
        *,
        variant: int = 0,
        rotation: int = 0,
    ) -> Label:
        """A new label of a person (by position) on a picture that this maker added."""
        if not isinstance(asset.media, ScenePicture):
            raise TypeError("only pictures of scenes have a truth to label")
        identifier, created_at = self._next()
        scene = asset.media
        label = Label(
            id=identifier,
            author=self.people[person],
            label_type=label_type,
            created_at=created_at,
            updated_at=created_at,
            content=SceneContent(scene.seed, scene.width, scene.height, variant, rotation),
            model_name="shapes-1" if label_type in ("PREDICTION", "INFERENCE") else None,
            seconds_to_label=5 + len(asset.labels) * 3,
        )
        asset.labels.append(label)
        if self.project.labels_touch_asset:
            asset.updated_at = created_at
        return label


def generate_project(
    seed: int,
    assets: int,
    *,
    input_type: str = "IMAGE",
    title: str = "Synthetic scenes",
    unlabelled_share: float = 0.05,
    reviewed_share: float = 0.2,
    folder_size: int = 1000,
) -> Project:
    """A project of `assets` pictures named `batch-000/scene-000000.png` and on.

    Shares are of all assets, from 0 to 1; a reviewed asset has a DEFAULT and a REVIEW label.
    Raises ValueError for an input type that cannot be generated.
    """
    if input_type != "IMAGE":
        raise ValueError(f"cannot generate a project of input type {input_type!r}")
    maker = ProjectMaker(seed, title, f"{assets} generated pictures", input_type)
    for number in range(assets):
        asset = maker.add_asset(f"batch-{number // folder_size:03d}/scene-{number:06d}.png")
        chance = maker.random.random()
        if chance < unlabelled_share:
            continue
        maker.add_label(asset, number % 2, variant=1)
        if chance > 1 - reviewed_share:
            maker.add_label(asset, 2, "REVIEW")
    return maker.project
