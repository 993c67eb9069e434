"""What exists once is copied, follows what becomes of it, and is put back where it is missing."""

import pytest

from kili_export.core.bucket_layout import pseudonyms_key, registration_key
from kili_export.registration.copies import (
    erase_copies,
    keep_copies,
    restore_copies,
    restore_pseudonym_key,
)
from tests.support.fakes import InMemoryObjects

REGISTRATION, KEY = registration_key("p1"), pseudonyms_key("p1")


@pytest.fixture
def objects() -> InMemoryObjects:
    objects = InMemoryObjects()
    objects.put(REGISTRATION, b"declared")
    objects.put(KEY, b"secret")
    objects.put("exports/p1/yolo/latest.zip", b"archive")
    return objects


@pytest.fixture
def copies(objects: InMemoryObjects) -> InMemoryObjects:
    copies = InMemoryObjects(keeps_versions=True)
    keep_copies(objects, copies, "p1")
    return copies


def held(store: InMemoryObjects) -> dict[str, bytes]:
    return {key: data for key, (data, _) in store.stored.items()}


def test_registration_and_key_are_copied_and_nothing_else(copies: InMemoryObjects) -> None:
    assert held(copies) == {REGISTRATION: b"declared", KEY: b"secret"}


def test_copies_follow_what_is_changed_or_gone(
    objects: InMemoryObjects, copies: InMemoryObjects
) -> None:
    objects.put(REGISTRATION, b"otherwise")
    keep_copies(objects, copies, "p1")
    assert held(copies)[REGISTRATION] == b"otherwise"
    objects.delete([REGISTRATION])
    keep_copies(objects, copies, "p1")
    assert held(copies) == {KEY: b"secret"}
    assert (REGISTRATION, b"otherwise") in copies.versions


def test_an_empty_bucket_gets_all_back(copies: InMemoryObjects) -> None:
    made = InMemoryObjects()
    assert set(restore_copies(made, copies)) == {REGISTRATION, KEY}
    assert held(made) == {REGISTRATION: b"declared", KEY: b"secret"}


def test_what_is_there_stays(copies: InMemoryObjects) -> None:
    made = InMemoryObjects()
    made.put(REGISTRATION, b"newer")
    assert restore_copies(made, copies) == (KEY,)
    assert held(made)[REGISTRATION] == b"newer"


def test_the_key_alone_comes_back_before_a_project_is_declared_again(
    copies: InMemoryObjects,
) -> None:
    made = InMemoryObjects()
    restore_pseudonym_key(made, copies, "p1")
    restore_pseudonym_key(made, copies, "p2")
    assert held(made) == {KEY: b"secret"}


def test_a_purge_leaves_no_version(objects: InMemoryObjects, copies: InMemoryObjects) -> None:
    objects.put(KEY, b"another")
    keep_copies(objects, copies, "p1")
    erase_copies(copies, "p1")
    assert held(copies) == {}
    assert copies.versions == []
