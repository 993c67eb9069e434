"""Pulling an archive gives what the manifest names, whole, whatever happens meanwhile."""

import io
from typing import BinaryIO

import pytest

from kili_export.archives.manifest import ArchiveReference, Manifest
from kili_export.core.bucket_layout import manifest_key, registration_key
from kili_export.core.errors import AccessDenied, IntegrityError, InvalidConfiguration
from kili_export.core.progress import Progress
from kili_export.reading.pull import pull_archive
from kili_export.registration.parse_registration import parse_registration
from kili_export.storage.object_store import StoredObject
from tests.support.fakes import InMemoryObjects
from tests.support.sample_manifest import manifest_of


def _publish(objects: InMemoryObjects, generation: int, data: bytes) -> Manifest:
    key = f"exports/project/yolo/archives/{generation}.zip"
    stored = objects.put(key, data)
    reference = ArchiveReference(
        key=key, etag=stored.etag, size=len(data), members=1, generation=generation
    )
    manifest = manifest_of(project_id="project", export_name="yolo", archive=reference)
    objects.put(manifest_key("project", "yolo"), manifest.to_bytes())
    return manifest


def test_the_archive_of_the_manifest_is_given() -> None:
    objects, target = InMemoryObjects(), io.BytesIO(b"what was there before, and longer")
    manifest = _publish(objects, 3, b"archive")
    assert pull_archive(objects, "project", "yolo", target) == manifest
    assert target.getvalue() == b"archive"


class InPieces(InMemoryObjects):
    """Downloads arrive three bytes at a time, as large ones do."""

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """See ObjectStore."""
        whole = io.BytesIO()
        stored = super().download(key, whole, if_match=if_match)
        target.writelines(whole.getvalue()[start : start + 3] for start in range(0, stored.size, 3))
        return stored


def test_a_download_tells_how_far_it_has_come_until_it_is_whole() -> None:
    objects, target = InPieces(), io.BytesIO()
    _publish(objects, 1, b"archive")
    told: list[Progress] = []
    pull_archive(objects, "project", "yolo", target, tell=told.append)
    assert target.getvalue() == b"archive"
    assert told == [Progress("downloading", done, 7, in_bytes=True) for done in (3, 6)]


def test_an_archive_that_expires_meanwhile_is_replaced_by_the_newer_one() -> None:
    objects, target = InMemoryObjects(), io.BytesIO()
    old = _publish(objects, 1, b"a long old archive")

    def replace() -> None:
        objects.delete([old.archive.key])
        _publish(objects, 2, b"new")

    objects.interleaving.before("get", lambda: None)  # the manifest is read as it was
    objects.interleaving.before("get", replace)
    assert pull_archive(objects, "project", "yolo", target).archive.generation == 2
    assert target.getvalue() == b"new"


def test_an_archive_that_is_lost_is_an_error_and_not_an_endless_try() -> None:
    objects = InMemoryObjects()
    objects.delete([_publish(objects, 1, b"archive").archive.key])
    with pytest.raises(IntegrityError):
        pull_archive(objects, "project", "yolo", io.BytesIO())


def test_a_size_that_the_manifest_does_not_promise_is_an_error() -> None:
    objects = InMemoryObjects()
    manifest = _publish(objects, 1, b"archive")
    wrong = manifest.archive.model_copy(update={"size": 99})
    lying = manifest.model_copy(update={"archive": wrong})
    objects.put(manifest_key("project", "yolo"), lying.to_bytes())
    with pytest.raises(IntegrityError, match="7 bytes, and the manifest promises 99"):
        pull_archive(objects, "project", "yolo", io.BytesIO())


def _complaint(objects: InMemoryObjects, export: str) -> str:
    with pytest.raises(InvalidConfiguration) as refused:
        pull_archive(objects, "project", export, io.BytesIO())
    return str(refused.value)


def test_an_export_that_waits_for_its_first_run_is_told_apart_from_a_mistyped_one() -> None:
    objects = InMemoryObjects()
    assert "kili-export register project" in _complaint(objects, "yolo")
    declared = {"project_id": "project", "exports": [{"format": "coco", "name": "coco"}]}
    objects.put(registration_key("project"), parse_registration(declared).to_bytes())
    _publish(objects, 1, b"archive")
    assert "was not published yet" in _complaint(objects, "coco")
    assert "kili-export status project" in _complaint(objects, "coco")
    assert _complaint(objects, "cocoo") == (
        "Project project has no export 'cocoo'. Its exports: coco, yolo."
    )


def test_a_reader_of_exports_alone_is_told_that_nothing_is_published() -> None:
    class ReadersObjects(InMemoryObjects):
        def get(
            self, key: str, *, if_match: str | None = None
        ) -> tuple[bytes, StoredObject] | None:
            if not key.startswith("exports/"):
                raise AccessDenied("S3 refuses our credentials (AccessDenied)")
            return super().get(key, if_match=if_match)

    assert _complaint(ReadersObjects(), "yolo") == (
        "Project project has no published export 'yolo'."
    )
