"""What is compared to tell whether an asset changed: not the signatures of its URLs."""

from typing import Any

import pytest

from kili_export.core.export_options import ExportOptions
from kili_export.core.urls import without_signature
from kili_export.formats.common.format import Conversion, ExportContext
from kili_export.formats.registry import format_named
from tests.support.archive_of import DATED, conversion_of
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project

PROJECT = project({"BOXES": job(["CAR"])})
RESPONSE = answers(BOXES=[box("CAR", 0.1, 0.2, 0.6, 0.8)])


def converted(options: ExportOptions, response: Json | None = None, **more: Any) -> Conversion:
    answer = fetched(asset(1, "a.jpg", label(response or RESPONSE), **more))
    context = ExportContext(PROJECT, options, DATED)
    conversion = conversion_of(format_named(options.format), answer, context)
    assert conversion is not None
    return conversion


def identities(conversion: Conversion) -> list[Any]:
    members = [(member.path, member.identity or member.data) for member in conversion.members]
    fragments = [
        (fragment.stream, fragment.identity or fragment.template)
        for fragment in conversion.fragments
    ]
    return [members, fragments]


OPTIONS = [
    ExportOptions("kili"),
    ExportOptions("kili", single_file=True),
    ExportOptions("yolo_v8"),
    ExportOptions("coco"),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_new_signature_is_no_change(options: ExportOptions) -> None:
    first = converted(options, content="https://h/a.jpg?sig=1", jsonContent="https://h/j?sig=1")
    again = converted(options, content="https://h/a.jpg?sig=2", jsonContent="https://h/j?sig=2")
    assert identities(first) == identities(again)


@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
def test_another_file_is_a_change(options: ExportOptions) -> None:
    first = converted(options, content="https://h/a.jpg?sig=1")
    again = converted(options, content="https://h/b.jpg?sig=1")
    assert identities(first) != identities(again)


def test_a_url_that_a_person_typed_is_compared_whole() -> None:
    first = converted(OPTIONS[0], {"TEXT": {"text": "https://h/?a=1"}})
    again = converted(OPTIONS[0], {"TEXT": {"text": "https://h/?a=2"}})
    assert identities(first) != identities(again)


@pytest.mark.parametrize("content", ["", "local.jpg?x"])
def test_contents_without_a_signature_are_compared_as_they_are(content: str) -> None:
    (member,) = converted(OPTIONS[0], content=content).members
    assert member.identity is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h/a?X-Amz-Signature=1&X-Amz-Date=2", "https://h/a?X-Amz-Signature=3", True),
        ("https://h/a?Expires=1&Signature=2&Key-Pair-Id=3", "https://h/a", True),
        ("https://h/a?sv=1&se=2&sig=3#x", "https://h/a?sv=1&se=4&sig=5", True),
        ("https://h/files?id=1&X-Amz-Date=2", "https://h/files?X-Amz-Date=3&id=1", True),
        ("https://h/files?id=1", "https://h/files?id=2", False),
        ("https://h/a?versionId=1", "https://h/a?versionId=2", False),
        ("not a URL?Expires=1", "not a URL?Expires=2", False),
    ],
)
def test_only_signatures_are_left_out_of_addresses(one: str, other: str, same: bool) -> None:
    assert (without_signature(one) == without_signature(other)) is same
