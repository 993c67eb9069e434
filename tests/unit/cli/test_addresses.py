"""An address in place of a project and an export, wherever options stand around it."""

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.local.main import parser
from kili_export.reading.export_address import parse_prefix

ADDRESS = "s3://my-bucket/exports/proj1/yolo"


@pytest.mark.parametrize(
    "words",
    [
        ("sync", ADDRESS, "folder"),
        ("sync", f"{ADDRESS}/", "folder", "--snapshot", "v1"),
        ("sync", "--snapshot", "v1", ADDRESS, "folder"),
        ("sync", "--snap", "v1", ADDRESS, "--delete", "folder"),
        ("sync", "--delete", "--snapshot=v1", ADDRESS, "folder"),
    ],
)
def test_it_is_taken_apart(words: tuple[str, ...]) -> None:
    given = parser().parse_args(words)
    assert (given.bucket, given.project_id, given.export) == ("my-bucket", "proj1", "yolo")
    assert given.directory == "folder"


def test_what_stands_in_another_place_is_none() -> None:
    given = parser().parse_args(["sync", "proj1", "yolo", "s3://other/exports/proj1/yolo"])
    assert (given.bucket, given.directory) == (None, "s3://other/exports/proj1/yolo")
    pulled = parser().parse_args(["pull", "--output", ADDRESS, "proj1", "yolo"])
    assert (pulled.bucket, pulled.output) == (None, ADDRESS)


@pytest.mark.parametrize(
    "address",
    [
        "s3://my-bucket",
        "s3://my-bucket/exports/proj1",
        "s3://my-bucket/state/proj1/yolo",
        "s3://my-bucket/exports/proj1/yolo/manifest.json",
        "s3://my bucket/exports/proj1/yolo",
        "s3://my-bucket/exports/../yolo",
    ],
)
def test_an_address_of_something_else_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["history", address])
    assert ended.value.code == 2
    assert "is not the address of an export" in capsys.readouterr().err


def test_commands_that_write_take_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["snapshot", ADDRESS, "v1", "--endpoint-url", "http://localhost"])
    assert "--endpoint-url" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["trees", "trees/", "a/b c/é", "stateful/x", "a/exports"])
def test_a_place_for_files_is_a_bucket_and_a_prefix(place: str) -> None:
    assert parse_prefix(f"s3://my-bucket/{place}") == ("my-bucket", f"{place.rstrip('/')}/")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://my-bucket", "is not a place for files"),
        ("s3://my-bucket/", "is not a place for files"),
        ("s3://my-bucket/a//b", "is not a place for files"),
        ("s3://my-bucket/a/../b", "is not a place for files"),
        ("s3://my-bucket/a\x00b", "is not a place for files"),
        ("s3://My_Bucket/a", "is not a place for files"),
        ("s3://my-bucket/exports/proj1/yolo", "may be where a stack keeps its own"),
        ("s3://my-bucket/state", "may be where a stack keeps its own"),
    ],
)
def test_no_other_place_is_written_to(address: str, reason: str) -> None:
    with pytest.raises(InvalidConfiguration, match=reason):
        parse_prefix(address)
