"""What a fuzzer feeds with bytes: each target reads them, or refuses them by an error of ours."""

import contextlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kili_export.archives.delta_document import DELTA_LIST, ChangedMember, Delta, RemovedMember
from kili_export.archives.ledger.asset_ledger import record_from_bytes
from kili_export.archives.manifest import DeltaReference
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.stored_deltas import open_deltas
from kili_export.changes.events.webhook_body import parse_webhook
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import (
    AssetError,
    ExportError,
    IntegrityError,
    InvalidConfiguration,
    InvalidEvent,
)
from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.core.file_paths import safe_path
from kili_export.core.pictures.size import HEAD_BYTES, LARGEST_SIDE, picture_header
from kili_export.formats.registry import FORMATS
from kili_export.kili.client import KiliClient
from kili_export.reading.folder_change import checked_path
from kili_export.registration.parse_registration import parse_registration
from kili_export.runs.batch_results import iter_batch_results
from kili_export.runs.messages import (
    BatchResult,
    ByteRange,
    ExportSegment,
    FailedAsset,
    ResultsLocation,
)
from kili_export.splicing.archive_reader import fetch_from, read_archive, read_entry
from kili_export.steps.conversion.asset_source import FetchNeeds
from tests.support.archive_of import archive_of
from tests.support.fakes import InMemoryObjects
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.sample_manifest import manifest_of
from tests.unit.kili.doubles import Line, Told
from tests.unit.splicing.simple_archives import full_archive

Target = Callable[[bytes], None]

_PROJECT = project({"CARS": job(["BIG", "SMALL"], tools=["rectangle", "polygon", "semantic"])})


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
    header = picture_header(
        data[:HEAD_BYTES], lambda offset, length: data[offset : offset + length]
    )
    if header is not None and header.stored is not None:
        assert 0 < min(header.stored) <= max(header.stored) <= LARGEST_SIDE


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
    for format_name in sorted(FORMATS):
        for compatibility in Compatibility:
            options = ExportOptions(format_name, Layout.MERGED, compatibility=compatibility)
            with contextlib.suppress(AssetError, InvalidConfiguration):
                archive_of(_PROJECT, held, options)


def graphql(data: bytes) -> None:
    """Whatever answers in Kili's place, to every question."""
    _LINE.network.respond = lambda _: Told(200, data)
    _LINE.network.requests.clear()
    for ask in _QUESTIONS:
        with contextlib.suppress(ExportError):
            ask(_LINE.client)


def rows(data: bytes) -> None:
    """The same, where a well-formed answer holds it."""
    graphql(b'{"data":{"data":' + data + b"}}")


def manifest(data: bytes) -> None:
    """What is said to be current in an export."""
    objects = InMemoryObjects()
    objects.put(manifest_key("p", "e"), data)
    with contextlib.suppress(IntegrityError):
        load_manifest(objects, "p", "e")


def delta(data: bytes) -> None:
    """The list of a delta."""
    objects = InMemoryObjects()
    stored = objects.put("delta", full_archive({DELTA_LIST: data, "labels/a.txt": b"one"})[0])
    reference = DeltaReference(
        key=stored.key,
        etag=stored.etag,
        size=stored.size,
        generation=2,
        from_generation=1,
        added=0,
        changed=1,
        removed=1,
    )
    with contextlib.suppress(IntegrityError):
        for opened in open_deltas(objects, [reference]):
            for path in opened.brought:
                with contextlib.suppress(IntegrityError):
                    opened.record(path)
            list(opened.removed)


def results(data: bytes) -> None:
    """What the workflow's map wrote: the list of files, and a file."""
    listed = {"ResultFiles": {"SUCCEEDED": [{"Key": "lines", "Size": len(data)}]}}
    for written in (data, json.dumps(listed).encode()):
        objects = InMemoryObjects()
        objects.put("lines", data)
        objects.put("results", written)
        with contextlib.suppress(IntegrityError):
            list(iter_batch_results(objects, ResultsLocation(bucket="b", key="results")))


# Without patience: what cannot be read is asked for once.
_LINE = Line(lambda _: Told(200), patience=0.0)
_ALL_LABELS = FetchNeeds(
    input_type="IMAGE", latest_label=True, latest_labels=True, labels=True, json_content=True
)
_QUESTIONS: tuple[Callable[[KiliClient], object], ...] = (
    lambda kili: kili.project("p"),
    lambda kili: kili.count_assets("p"),
    lambda kili: list(kili.list_asset_ids("p")),
    lambda kili: kili.fetch_assets("p", ["a"], _ALL_LABELS),
    lambda kili: kili.matching_ids("p", ["a"], {}),
    lambda kili: list(kili.events_since("p")),
)
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            *(webhook, registration, archive, ledger, picture, name, answer),
            *(graphql, rows, manifest, delta, results),
        )
    }
)

_DELTA = Delta(
    project_id="p",
    export_name="e",
    generation=2,
    from_generation=1,
    run_id="r",
    changed=(ChangedMember(path="labels/a.txt", sha256="0" * 64, asset_id="a"),),
    removed=(RemovedMember(path="labels/b.txt"),),
)
_BATCH = BatchResult(
    key="k",
    etag="e",
    size=20,
    exports={
        "e": ExportSegment(
            entries=ByteRange(start=0, length=10), records=ByteRange(start=10, length=10), count=1
        )
    },
    asset_ids=("a",),
    failed=(FailedAsset(asset_id="b", error="broken"),),
    missing=("c",),
    pending=("d",),
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
    asked_for = asset(1, "a.jpg", {**label(drawn), "id": "l", "labelType": "DEFAULT"})
    listed = [{**asked_for, "id": "a", "labels": [{"id": "l"}], "latestLabels": []}]
    past = [{"id": "e1", "createdAt": "2026-01-01", **event}]
    found = {"id": "p", "inputType": "IMAGE", "jsonInterface": _PROJECT.json_interface}
    answered: list[Any] = [listed, past, [found], 3]
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
        "rows": [json.dumps(one).encode() for one in answered],
        "graphql": [json.dumps({"data": {"data": one}}).encode() for one in answered],
        "manifest": [manifest_of().to_bytes()],
        "delta": [_DELTA.to_bytes()],
        "results": [json.dumps({"batches": [_BATCH.model_dump(mode="json")]}).encode()],
    }
