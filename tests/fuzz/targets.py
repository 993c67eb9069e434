"""What a fuzzer feeds with bytes: each target reads them, or refuses them by an error of ours."""

import contextlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from kili_export.contracts.registration import parse_registration
from kili_export.contracts.webhook import parse_webhook
from kili_export.domain.archive.reader import fetch_from, read_archive, read_entry
from kili_export.domain.errors import (
    AssetError,
    IntegrityError,
    InvalidConfiguration,
    InvalidEvent,
)
from kili_export.domain.formats.registry import FORMATS
from kili_export.domain.ledger import record_from_bytes
from kili_export.domain.names import safe_path
from kili_export.domain.options import Compatibility, ExportOptions, Layout
from kili_export.domain.picture_size import HEAD_BYTES, picture_size
from kili_export.domain.syncing import checked_path
from tests.archive_of import archive_of
from tests.kili_samples import answers, asset, box, fetched, job, label, project
from tests.unit.archive.simple_archives import full_archive

Target = Callable[[bytes], None]

_PROJECT = project({"CARS": job(["BIG", "SMALL"], tools=["rectangle", "polygon", "semantic"])})
_FORMATS = sorted(set(FORMATS) - {"raw", "geojson"})


def webhook(data: bytes) -> None:
    """A body from anywhere."""
    with contextlib.suppress(InvalidEvent):
        parse_webhook(data)


def registration(data: bytes) -> None:
    """A declaration of exports."""
    try:
        declared = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(InvalidConfiguration):
        parse_registration(declared, FORMATS)


def archive(data: bytes) -> None:
    """The bytes of an archive, cut off or changed on the way."""
    with contextlib.suppress(IntegrityError):
        fetch = fetch_from(data)
        index = read_archive(fetch, len(data))
        for record in index.directory.records():
            with contextlib.suppress(IntegrityError):
                read_entry(fetch, record)


def ledger(data: bytes) -> None:
    """A record of the ledger."""
    with contextlib.suppress(IntegrityError):
        record_from_bytes(data)


def picture(data: bytes) -> None:
    """The beginning of a picture's file."""
    size = picture_size(data[:HEAD_BYTES])
    assert size is None or min(size) > 0


def name(data: bytes) -> None:
    """An external id."""
    path = safe_path(data.decode("utf-8", "surrogateescape"))
    assert safe_path(path) == path
    if path.partition("/")[0].casefold() != ".kili-export":
        assert checked_path(path) == path
    assert all(len(part.encode()) <= 255 for part in path.split("/"))


def answer(data: bytes) -> None:
    """The content of a label, in every format."""
    try:
        response = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(response, dict):
        return
    held = [fetched(asset(1, "a.jpg", label(response)))]
    for format_name in _FORMATS:
        for compatibility in Compatibility:
            options = ExportOptions(format_name, Layout.MERGED, compatibility=compatibility)
            with contextlib.suppress(AssetError, InvalidConfiguration):
                archive_of(_PROJECT, held, options)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {one.__name__: one for one in (webhook, registration, archive, ledger, picture, name, answer)}
)


def seeds() -> dict[str, list[bytes]]:
    """What a fuzzer begins with: something that each target reads."""
    drawn = answers(CARS=[box("BIG", 0.1, 0.1, 0.9, 0.8, mid="m")])
    event = {
        "event": "label.workflow.edited",
        "projectId": "p",
        "payload": {"assetId": "a", "labelId": "l", "fields": ["title"]},
    }
    older = {
        "eventType": "onSubmit",
        "logPayload": {"projectId": "p"},
        "payload": {"asset_id": "a"},
    }
    declared = {"project_id": "p", "exports": [{"format": "coco", "filters": {"skipped": True}}]}
    zipped, _ = full_archive({"labels/a.txt": b"one", "é.json": b"{}" * 50})
    return {
        "webhook": [json.dumps(one).encode() for one in (event, older)],
        "registration": [json.dumps(declared).encode()],
        "archive": [zipped],
        "ledger": [b"[]", b"{}"],
        "picture": [
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1",
            b"\xff\xd8\xff\xc0\0\7\10\0\1\0\1",
        ],
        "name": ["dir/é.jpg".encode(), b"../CON"],
        "answer": [json.dumps(drawn).encode()],
    }
