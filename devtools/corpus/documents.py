"""Projects of PDF documents, of texts and of sounds."""

from base64 import b64encode
from random import Random
from typing import Any

from devtools.corpus.drawing import Json, job, ring
from devtools.corpus.flawed import without_called
from devtools.corpus.pictures import document, label
from kili_export.local.kili_standin.state.model import Project

_PAGES = [
    {"pageNumber": 1, "width": 100, "height": 200, "rotation": 0},
    {"pageNumber": 2, "width": 300.5, "height": 400, "rotation": 90},
    {"pageNumber": 3, "width": 595, "height": 842, "rotation": 270},
]
_PDF_INTERFACE: Json = {
    "jobs": {
        "WORDS": job(["NAME", "PLACE"], None, "NAMED_ENTITIES_RECOGNITION"),
        "BOXES": job(["FIGURE"], ["rectangle"]),
        "KIND": job(["LETTER", "BILL"], None, "CLASSIFICATION"),
        "TITLE": job({}, None, "TRANSCRIPTION"),
    }
}


def _on_pages(random: Random, *pages: int, **more: Any) -> Json:
    def place() -> float:
        return random.choice([0, 1, 0.1, random.random()])

    corners = [(place(), place()) for _ in range(4)]
    quads = [[{"x": x, "y": y} for x, y in corners]]
    return {
        "boundingPoly": [ring(corners) for _ in pages],
        "pageNumberArray": list(pages),
        "polys": [{"normalizedVertices": quads, "kept": True} for _ in pages],
        **more,
    }


def _document_answer(random: Random) -> Json:
    word = {
        "annotations": [_on_pages(random, 1, 2, content="déjà"), _on_pages(random, 3)],
        "categories": [{"name": "NAME"}],
        "content": "déjà vu",
        "mid": "word",
    }
    unpaired = {**_on_pages(random, 1, 2), "pageNumberArray": [2]}
    figure = {
        "annotations": [_on_pages(random, 2), unpaired],
        "categories": [{"name": "FIGURE"}],
        "mid": "figure",
        "type": "rectangle",
    }
    return {
        "WORDS": {"annotations": [word]},
        "BOXES": {"annotations": [figure, _on_pages(random, 1), {"mid": "bare"}]},
        "KIND": {"categories": [{"name": "BILL"}]},
        "TITLE": {"text": "Straße"},
        "RETIRED": {"annotations": [_on_pages(random, 1)]},
        "ROTATION_JOB": {"rotation": 0},
    }


def _pdf(name: str, response: Json, pages: Any) -> Json:
    content = b64encode(b"%PDF-1.4 not a document").decode()
    return {
        "externalId": name,
        "contentBase64": content,
        "contentType": "application/pdf",
        "pageResolutions": pages,
        "labels": [label(response)],
    }


def pdfs(seed: int) -> Json:
    """Words and figures on several pages."""
    random = Random(seed)
    assets = [_pdf(f"file {n}.pdf", _document_answer(random), _PAGES) for n in range(12)]
    assets.append(_pdf("empty.pdf", {}, None))
    return document("Documents", "PDF", jsonInterface=_PDF_INTERFACE, assets=assets)


def unmeasured_pdfs(seed: int) -> Json:
    """Documents of which the sizes of pages are not known, beside one where they are."""
    random = Random(seed)
    assets = [
        _pdf("unmeasured.pdf", _document_answer(random), None),
        _pdf("page missing.pdf", _document_answer(random), None),
        _pdf("measured.pdf", _document_answer(random), _PAGES),
    ]
    return document("Unmeasured", "PDF", jsonInterface=_PDF_INTERFACE, assets=assets)


LAYERED = "layered.pdf"


def layered_pdfs(seed: int) -> Json:
    """Documents, one of which has a `jsonContent` beside its file, of no kind of media."""
    random = Random(seed)
    assets = [_pdf(f"file {n}.pdf", _document_answer(random), _PAGES) for n in range(3)]
    layered = {**_pdf(LAYERED, _document_answer(random), _PAGES), "jsonContent": [{"layer": 1}]}
    return document(
        "Layered", "PDF", jsonInterface=_PDF_INTERFACE, assets=[assets[0], layered, *assets[1:]]
    )


def without_layered(project: Project) -> Project:
    """The project without that one."""
    return without_called(project, LAYERED)


def sounds(seed: int) -> Json:
    """Recordings, with what they are and what is said in them."""
    random = Random(seed)
    interface: Json = {
        "jobs": {
            "KIND": job(["SPEECH", "MUSIC"], None, "CLASSIFICATION"),
            "WORDS": job({}, None, "TRANSCRIPTION"),
        }
    }
    assets = [
        {
            "externalId": f"record {number}.wav",
            "contentBase64": b64encode(random.randbytes(40)).decode(),
            "contentType": "audio/wav",
            "labels": [
                label(
                    {
                        "KIND": {"categories": [{"name": random.choice(["SPEECH", "MUSIC"])}]},
                        "WORDS": {"text": "Größe — 日本"},
                    }
                    if number
                    else {}
                )
            ],
        }
        for number in range(9)
    ]
    return document("Sounds", "AUDIO", jsonInterface=interface, assets=assets)


def texts(seed: int) -> Json:
    """Named entities and relations in texts; rich ones have their document."""
    random = Random(seed)
    interface: Json = {
        "jobs": {
            "NAMES": job(["PERSON", "PLACE"], None, "NAMED_ENTITIES_RECOGNITION"),
            "RELATIONS": job(
                {"LIVES_IN": {"name": "lives in", "startEntities": ["PERSON"]}},
                None,
                "NAMED_ENTITIES_RELATION",
            ),
            "MOOD": job(["GLAD", "SAD"], None, "CLASSIFICATION"),
        }
    }
    text = "Zoë lives in Ålesund. "
    rich = [{"children": [{"id": "1", "text": text}], "type": "p"}]
    assets = []
    for number in range(8):
        begin = random.randrange(10)
        entity = {
            "beginId": "main",
            "beginOffset": begin,
            "categories": [{"confidence": 100, "name": "PERSON"}],
            "content": text[begin : begin + 3],
            "endId": "main",
            "endOffset": begin + 3,
            "mid": f"entity-{number}",
        }
        response = {
            "NAMES": {"annotations": [entity, {**entity, "mid": "other", "children": {}}]},
            "RELATIONS": {
                "annotations": [
                    {
                        "categories": [{"name": "LIVES_IN"}],
                        "endEntities": [{"mid": "other"}],
                        "mid": "relation",
                        "startEntities": [{"mid": entity["mid"]}],
                    }
                ]
            },
            "MOOD": {"categories": [{"name": random.choice(["GLAD", "SAD"])}]},
        }
        if number == 3:
            response["ROTATION_JOB"] = {"rotation": 90}
        assets.append(
            {
                "externalId": f"text {number}.txt",
                "contentBase64": b64encode((text * (number + 1)).encode()).decode(),
                "contentType": "text/plain",
                "jsonContent": rich if number % 2 else None,
                "labels": [label(response if number else {})],
            }
        )
    return document(
        "Texts", "TEXT", jsonInterface=interface, inlineJsonResponse=True, assets=assets
    )
