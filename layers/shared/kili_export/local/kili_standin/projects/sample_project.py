"""The sample project: forty-eight pictures of shapes with every kind of label that matters.

Most are plain: labelled by Alice or Bob, every fourth one reviewed by Chloé. Some are peculiar,
in name or in label; `_NAMES` and `_PECULIAR` tell which.
"""

from collections.abc import Callable

from kili_export.local.kili_standin.projects.generated_project import ProjectMaker
from kili_export.local.kili_standin.projects.pictures import ScenePicture
from kili_export.local.kili_standin.projects.scenes import make_scene
from kili_export.local.kili_standin.state.identifiers import base36
from kili_export.local.kili_standin.state.model import Asset, Issue, Project

PICTURES = 48
_NAMES = {
    3: "yard/north gate/view 1.png",
    4: "yard/north gate/view 2.png",
    5: "été à Nîmes.png",
    6: "写真/三.png",
    7: "SCAN_0007.PNG",
    8: "frame v1.2",
    9: "trailing (copy) [2].png",
    10: "100% & more; 'quoted'.png",
}


def sample_project(seed: int = 1) -> Project:
    """The sample project of a seed: the same ids, dates, pictures and labels every time."""
    maker = ProjectMaker(
        seed,
        "Shapes in the yard",
        "Generated pictures of boxes, balls, cones and flags on puddles and paths.",
        "IMAGE",
    )
    for number in range(PICTURES):
        asset = maker.add_asset(_NAMES.get(number, f"scene-{number:02d}.png"))
        _PECULIAR.get(number, _plain(number))(maker, asset)
    return maker.project


Labelling = Callable[[ProjectMaker, Asset], None]


def _plain(number: int) -> Labelling:
    def label(maker: ProjectMaker, asset: Asset) -> None:
        maker.add_label(asset, number % 2, variant=1)
        if number % 4 == 0:
            maker.add_label(asset, 2, "REVIEW")

    return label


def _unlabelled(_: ProjectMaker, asset: Asset) -> None:
    asset.priority = 1


def _consensus(maker: ProjectMaker, asset: Asset) -> None:
    asset.is_used_for_consensus = True
    asset.assignees = maker.people[:2]
    for person in (0, 1):
        maker.add_label(asset, person, variant=person + 1).consensus_mark = 0.72
    asset.consensus_mark = 0.72


def _half_consensus(maker: ProjectMaker, asset: Asset) -> None:
    asset.is_used_for_consensus = True
    asset.assignees = maker.people[:2]
    maker.add_label(asset, 1, variant=2)


def _revised(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 0, variant=1)
    maker.add_label(asset, 0, variant=2)
    maker.add_label(asset, 2, "REVIEW")


def _rotated(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 0, rotation=90)


def _upside_down(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 1, rotation=180)


def _sent_back(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 1, variant=1).is_sent_back = True
    asset.issues.append(Issue(f"c{base36(maker.seed, 8)}issue", "ISSUE", "OPEN"))


def _sent_back_and_redone(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 1, variant=1)
    maker.add_label(asset, 2, "REVIEW").is_sent_back = True
    maker.add_label(asset, 1)


def _predicted(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 3, "PREDICTION", variant=3)


def _predicted_then_labelled(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 3, "PREDICTION", variant=3)
    maker.add_label(asset, 0)


def _inferred(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 0)
    inference = maker.add_label(asset, 3, "INFERENCE", variant=4)
    inference.inference_mark = asset.inference_mark = 0.61


def _drafted(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 0, "AUTOSAVE", variant=1)


def _drafted_after_submission(maker: ProjectMaker, asset: Asset) -> None:
    maker.add_label(asset, 0, variant=1)
    maker.add_label(asset, 1, "AUTOSAVE", variant=2)


def _honeypot(maker: ProjectMaker, asset: Asset) -> None:
    asset.is_honeypot = True
    maker.add_label(asset, 2, "REVIEW")
    maker.add_label(asset, 1, variant=1).honeypot_mark = 0.83
    asset.honeypot_mark = 0.83


def _skipped(maker: ProjectMaker, asset: Asset) -> None:
    asset.skipped = True
    maker.add_label(asset, 0, variant=1)


def _to_review(maker: ProjectMaker, asset: Asset) -> None:
    asset.to_review = True
    maker.add_label(asset, 1, variant=1)


def _with_hole(maker: ProjectMaker, asset: Asset) -> None:
    if not isinstance(asset.media, ScenePicture):
        raise TypeError("pictures of the sample are scenes")
    seed, width, height = asset.media.seed, asset.media.width, asset.media.height
    while not any(len(shape.rings) > 1 for shape in make_scene(seed, width, height).surfaces):
        seed += 7919
    asset.media = ScenePicture(seed, width, height)
    maker.add_label(asset, 0)


_PECULIAR: dict[int, Labelling] = {
    0: _with_hole,
    2: _unlabelled,
    11: _consensus,
    12: _half_consensus,
    13: _revised,
    14: _rotated,
    15: _upside_down,
    16: _sent_back,
    17: _sent_back_and_redone,
    18: _predicted,
    19: _predicted_then_labelled,
    20: _inferred,
    21: _drafted,
    22: _drafted_after_submission,
    23: _honeypot,
    24: _skipped,
    25: _to_review,
    27: _unlabelled,
    33: _unlabelled,
}
