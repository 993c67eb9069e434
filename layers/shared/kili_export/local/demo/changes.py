"""What happens in Kili during the demo."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Control = Callable[..., dict[str, Any]]
_ALL = frozenset({"kili", "yolo", "voc"})


@dataclass(frozen=True, slots=True)
class Change:
    """Something that people do in Kili. `act` answers what to tell of it.

    A `silent` change sends no event and is found by reconciliation. `reaches` are the exports
    that have to show it.
    """

    title: str
    act: Callable[[Control], str]
    silent: bool = False
    reaches: frozenset[str] = _ALL


def _submit(*assets: str) -> Callable[[Control], str]:
    def act(control: Control) -> str:
        for asset in assets:
            control("submit_label", asset=asset)
        return f"{len(assets)} events" if len(assets) > 1 else ""

    return act


def _review(control: Control) -> str:
    control("review", asset="scene-29.png")
    return ""


def _delete_asset(control: Control) -> str:
    control("delete_asset", asset="scene-30.png")
    return ""


def _delete_label(control: Control) -> str:
    assets = control("assets")["assets"]
    labels = next(one["labels"] for one in assets if one["external_id"] == "scene-40.png")
    control("delete_label", label_id=labels[-1]["id"])
    return ""


CHANGES = (
    Change("A label is submitted on scene-28.png", _submit("scene-28.png")),
    Change(
        "A reviewer approves scene-29.png: in YOLO and VOC the dates of its files change, no more",
        _review,
        reaches=frozenset({"kili"}),
    ),
    Change(
        "Five labels are submitted at once",
        _submit(*(f"scene-{number}.png" for number in range(34, 39))),
    ),
    Change("The asset scene-30.png is deleted", _delete_asset),
    Change("A label of scene-40.png is deleted: no event announces it", _delete_label, silent=True),
)
