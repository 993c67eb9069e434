"""Random changes of a project, as people make them while its archives are followed."""

from collections.abc import Callable
from random import Random

from devtools.corpus.drawing import Json, Pen
from devtools.corpus.pictures import ALICE, BOB, CHLOE, some_shapes
from kili_export.local.kili_standin import KiliWorld
from kili_export.local.kili_standin.state.model import SUBMITTED, Project


class Changes:
    """Changes a project by chance; the same changes for the same seed."""

    def __init__(self, world: KiliWorld, project: Project, seed: int) -> None:
        self._world = world
        self._project = project
        self._random = Random(seed)
        self._pen = Pen(self._random)
        # A label that an event tells of is waited for when it is deleted before it was read; so
        # these alone are deleted, and no event announces them.
        self._doomed = [label.id for _, label in project.labels()][::3]
        self._kinds: tuple[tuple[int, Callable[[], None]], ...] = (
            (8, self._submit),
            (5, self._review),
            (5, self._edit),
            (3, self._send_back),
            (2, self._delete_label),
            (3, self._rename),
            (1, self._delete_asset),
            (3, self._add_asset),
            (2, self._skip),
            (2, self._describe),
        )

    def make(self, number: int) -> None:
        """Makes this many changes."""
        weights = [weight for weight, _ in self._kinds]
        for _, change in self._random.choices(self._kinds, weights, k=number):
            change()

    def _any_asset(self) -> str:
        return self._random.choice(list(self._project.assets))

    def _any_label(self) -> str | None:
        labels = [label.id for _, label in self._project.labels() if label.id not in self._doomed]
        return self._random.choice(labels) if labels else None

    def _response(self) -> Json:
        if self._project.input_type != "VIDEO":
            return some_shapes(self._pen)
        frames = sorted(self._random.sample(range(12), self._random.randint(0, 5)))
        return {str(frame): some_shapes(self._pen) for frame in frames}

    def _submit(self) -> None:
        author = self._random.choice([ALICE, BOB])
        self._world.submit_label(
            self._any_asset(),
            project_id=self._project.id,
            author=author,
            json_response=self._response(),
        )

    def _review(self) -> None:
        self._world.review(
            self._any_asset(),
            project_id=self._project.id,
            author=CHLOE,
            json_response=self._response(),
        )

    def _edit(self) -> None:
        if label := self._any_label():
            self._world.edit_label(label, self._response())

    def _send_back(self) -> None:
        _, asset = self._world.asset(self._any_asset(), self._project.id)
        if any(label.label_type in SUBMITTED for label in asset.labels):
            self._world.send_back(asset.id, project_id=self._project.id)

    def _delete_label(self) -> None:
        labels = [label.id for _, label in self._project.labels() if label.id in self._doomed]
        if labels:
            self._world.delete_label(self._random.choice(labels))

    def _rename(self) -> None:
        number = self._random.randrange(12)
        # Among so few names some become equal, in whole or but for their extension.
        name = self._random.choice([f"renamed {number}.jpg", f"renamed {number}.png", "a.jpg"])
        self._world.rename_asset(self._any_asset(), name, project_id=self._project.id)

    def _delete_asset(self) -> None:
        self._world.delete_asset(self._any_asset(), project_id=self._project.id)

    def _add_asset(self) -> None:
        name = f"added {self._random.randrange(100)}.jpg"
        frames = 12 if self._project.input_type == "VIDEO" else 0
        asset = self._world.add_asset(name, project_id=self._project.id, frames=frames)
        self._world.submit_label(
            asset.id, project_id=self._project.id, json_response=self._response()
        )

    def _skip(self) -> None:
        skipped = self._random.random() < 0.5
        self._world.skip_asset(self._any_asset(), skipped=skipped, project_id=self._project.id)

    def _describe(self) -> None:
        metadata = {"camera": self._random.choice(["north", "south"])}
        self._world.set_metadata(self._any_asset(), metadata, project_id=self._project.id)
