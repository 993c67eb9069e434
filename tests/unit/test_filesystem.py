"""Addresses of files that fsspec takes: which part is the export's and which the file's."""

import pytest

from kili_export.filesystem import ExportFileSystem


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("kili-export://bucket/exports/proj1/yolo", ""),
        ("kili-export://bucket/exports/proj1/yolo/labels/a.txt", "labels/a.txt"),
        (
            "kili-export://bucket/exports/proj1/yolo/images/exports/a/b.jpg",
            "images/exports/a/b.jpg",
        ),
        ("kili-export://labels/d0/exports/a/b.txt", "labels/d0/exports/a/b.txt"),
    ],
)
def test_only_its_beginning_is_the_address_of_an_export(url: str, path: str) -> None:
    assert ExportFileSystem._strip_protocol(url) == path
