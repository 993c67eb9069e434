"""Versions of objects are removed page by page: a tree may have millions of them."""

import weakref
from collections.abc import Iterator
from typing import Any

from kili_export.aws.s3 import S3ObjectStore


class _Page(dict[str, Any]):
    """A page that tells whether anybody holds it."""


class _Client:
    """Three objects a page, each replaced once and removed at some time."""

    def __init__(self, pages: int) -> None:
        self.pages, self.most_held = pages, 0
        self.deleted: list[list[tuple[str, str]]] = []

    def get_paginator(self, operation: str) -> "_Client":
        assert operation == "list_object_versions"
        return self

    def paginate(self, **_: Any) -> Iterator[_Page]:
        seen: list[weakref.ref[_Page]] = []
        for number in range(self.pages):
            keys = [f"tree/{number}-{n}" for n in range(3)]
            page = _Page(
                Versions=[
                    {"Key": key, "VersionId": version, "IsLatest": version == "v2"}
                    for key in keys
                    for version in ("v2", "v1")
                ],
                DeleteMarkers=[{"Key": key, "VersionId": "m"} for key in keys],
            )
            seen.append(weakref.ref(page))
            self.most_held = max(self.most_held, sum(one() is not None for one in seen))
            yield page
            del page

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        chosen = request["Delete"]["Objects"]
        self.deleted.append([(one["Key"], one["VersionId"]) for one in chosen])
        return {}


def test_no_page_is_held_and_markers_go_last() -> None:
    client = _Client(pages=5)
    objects = S3ObjectStore(client, "bucket")
    assert objects.delete_versions("tree/", current=False) == 15
    keys = [f"tree/{number}-{n}" for number in range(5) for n in range(3)]
    assert client.deleted == [[(key, "v1") for key in keys], [(key, "m") for key in keys]]
    assert client.most_held <= 2
    client.deleted.clear()
    assert objects.delete_versions("tree/", current=True, keep={"tree/0-0"}) == 29
