"""Projects of videos: lists of frames, and files that are cut into frames when they are wanted."""

from base64 import b64encode
from random import Random

from devtools.corpus.drawing import SQUARE, Json, Pen, answers, box, outline
from devtools.corpus.pictures import BOB, document, label, picture, some_shapes

_FRAME = answers(BOXES=[box("CAR", 0.1, 0.2, 0.6, 0.8)])
_MASK = answers(MASKS=[outline("semantic", "APPLE", SQUARE)])
_EMPTY = answers(BOXES=[], MASKS=[])
_TURN: Json = {"ROTATION_JOB": {"rotation": 90}}


def _in_order(*frames: Json) -> Json:
    return {str(number): frame for number, frame in enumerate(frames)}


def _responses(pen: Pen) -> dict[str, Json]:
    day: Json = {"KIND": {"categories": [{"name": "DAY"}], "isKeyFrame": True}}
    return {
        "dense.mp4": _in_order(_FRAME, _EMPTY, {**_FRAME, **_MASK}, {}, _MASK),
        "z eleven.mp4": _in_order(*[_FRAME] * 11),
        "no shape.mp4": _in_order(_EMPTY, {}, _EMPTY),
        "no shape in ten.mp4": _in_order(*[_EMPTY] * 10),
        "empty.mp4": {},
        "sparse.mp4": {"0": _FRAME, "7": _FRAME, "3": _MASK},
        "only late.mp4": {"5": _FRAME},
        "turned.mp4": {**_in_order(_FRAME, {**_FRAME, **_TURN}), **_TURN},
        "frame turned.mp4": _in_order({**_MASK, "ROTATION_JOB": {"rotation": 180}}),
        "folder/a.jpg": _in_order(_FRAME),
        "kinds.mp4": _in_order({**_FRAME, **day}, day),
        "chance.mp4": _in_order(*[some_shapes(pen) for _ in range(12)]),
        "chance é.mp4": {str(frame): some_shapes(pen) for frame in (2, 5, 101)},
    }


def videos(seed: int) -> Json:
    """Lists of frames, densely, sparsely and not labelled at all, some of them turned."""
    pen = Pen(Random(seed))
    responses = _responses(pen)
    assets = [
        picture(name, label(response), size=(64, 48), frames=12)
        for name, response in responses.items()
    ]
    two = [label(responses["dense.mp4"]), label(responses["z eleven.mp4"], BOB)]
    agreed: Json = {"isUsedForConsensus": True, "consensusMark": 0.75}
    assets.append(picture("two.mp4", *two, size=(64, 48), frames=11, **agreed))
    assets.append(picture("nobody.mp4", size=(64, 48), frames=2))
    return document("Videos", "VIDEO", assets=assets)


def upright_videos(seed: int) -> Json:
    """Lists of frames that every format of shapes can be asked to hold with their pictures."""
    responses = _responses(Pen(Random(seed)))
    names = ("dense.mp4", "z eleven.mp4", "no shape.mp4", "folder/a.jpg", "kinds.mp4", "chance.mp4")
    assets = [picture(name, label(responses[name]), size=(64, 48), frames=12) for name in names]
    return document("Upright videos", "VIDEO", assets=assets)


def native_videos(seed: int) -> Json:
    """Video files, whose frames nobody has cut yet."""
    pen = Pen(Random(seed))
    content = b64encode(b"\x00\x00\x00\x18ftypmp42 not a film").decode()
    assets = [
        picture(name, label(response), contentBase64=content, contentType="video/mp4")
        for name, response in _responses(pen).items()
    ]
    assets[-1]["resolution"] = None
    return document("Video files", "VIDEO", assets=assets)


def videos_as_a_whole(seed: int) -> Json:
    """Videos of which something is said as a whole, beside their frames."""
    pen = Pen(Random(seed))
    whole: Json = {"assetLevel": {"KIND": {"categories": [{"name": "DAY"}]}}}
    both = {**_in_order(_FRAME, some_shapes(pen)), **whole}
    return document(
        "Videos as a whole",
        "VIDEO",
        assets=[
            picture("both.mp4", label(both), size=(64, 48), frames=3),
            picture("whole.mp4", label(whole), size=(64, 48), frames=1),
            picture("frames.mp4", label(_in_order(_FRAME)), size=(64, 48), frames=1),
        ],
    )
