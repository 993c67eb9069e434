"""Projects of questions: classifications, texts and files."""

from devtools.corpus.drawing import Json, answers, box, job
from devtools.corpus.pictures import document, label, picture


def forms(seed: int) -> Json:
    """Classifications, transcriptions and checkboxes, nested three deep, beside boxes."""
    del seed
    nested = {
        "ANIMAL": {"name": "An animal", "children": ["SPECIES", "NOTE"]},
        "PLANT": {"name": "A plant", "children": []},
    }
    interface: Json = {
        "jobs": {
            "BOXES": job({"THING": {"name": "Thing", "children": ["SPECIES"]}}, ["rectangle"]),
            "KIND": job(nested, None, "CLASSIFICATION", instruction="What is it?"),
            "SPECIES": job(
                {"CAT": {"name": "Cat", "children": ["NOTE"]}, "DOG": {"name": "Dog"}},
                None,
                "CLASSIFICATION",
                input_kind="checkbox",
                isChild=True,
            ),
            "NOTE": job({}, None, "TRANSCRIPTION", isChild=True),
            "TITLE": job({}, None, "TRANSCRIPTION"),
            "WHEN": job({}, None, "TRANSCRIPTION", input_kind="date"),
            "TAGS": job(["RED", "BIG", "OLD"], None, "CLASSIFICATION", input_kind="checkbox"),
        }
    }
    species = {"categories": [{"name": "CAT", "children": {"NOTE": {"text": "tabby"}}}]}
    full = {
        **answers(BOXES=[box("THING", 0.1, 0.1, 0.4, 0.4, children={"SPECIES": species})]),
        "KIND": {"categories": [{"name": "ANIMAL", "children": {"SPECIES": species}}]},
        "TITLE": {"text": "Été\n“two lines”"},
        "WHEN": {"text": "2026-01-31"},
        "TAGS": {"categories": [{"name": "RED"}, {"name": "OLD", "confidence": 50}]},
    }
    return document(
        "Forms",
        jsonInterface=interface,
        inlineJsonResponse=True,
        assets=[
            picture("full.png", label(full)),
            picture("text.png", label({"TITLE": {"text": ""}})),
            picture("no tag.png", label({"TAGS": {"categories": []}})),
            picture("turned.png", label({**full, "ROTATION_JOB": {"rotation": 270}})),
        ],
    )


def files_of_answers(seed: int) -> Json:
    """Answers that are files, one of them without a name."""
    del seed
    interface: Json = {
        "jobs": {
            "BOXES": job(["THING"], ["rectangle"]),
            "SCAN": job({}, None, "TRANSCRIPTION", input_kind="file"),
        }
    }
    boxes = answers(BOXES=[box("THING", 0.1, 0.1, 0.4, 0.4)])
    named = {**boxes, "SCAN": {"fileId": "f1", "fileName": "scan of it.bin", "text": "x"}}
    return document(
        "Files of answers",
        jsonInterface=interface,
        assets=[
            picture("named.png", label(named)),
            picture("folder a/name less.png", label({"SCAN": {"fileId": "f2"}})),
            picture("none.png", label(boxes)),
        ],
    )
