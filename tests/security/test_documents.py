"""Every row of the threat model and of the failure modes names a test that there is."""

import re

import pytest

from tests.support.named_tests import NAMED, ROOT, exists

DOCUMENTS = ("threat-model.md", "failure-modes.md")
ROW = re.compile(r"^\|(?!-).*\|$", re.MULTILINE)


def rows(document: str) -> list[str]:
    lines: list[str] = ROW.findall((ROOT / "docs" / "explanation" / document).read_text())
    return [line for line in lines if not line.endswith("| tried by |") and "|---" not in line]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_row_names_its_test(document: str) -> None:
    found = rows(document)
    assert len(found) > 25
    assert [row for row in found if len(NAMED.findall(row)) != 1] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_tests_are_there(document: str) -> None:
    named = NAMED.findall((ROOT / "docs" / "explanation" / document).read_text())
    assert [one for one in named if not exists(one)] == []


def test_a_test_that_is_not_there_is_told() -> None:
    assert not exists("tests/security/test_documents.py::test_that_is_not_there")
    assert not exists("tests/security/test_no_file.py::test_x")
    assert exists("tests/security/test_documents.py::test_the_tests_are_there")
    assert exists("tests/chaos/test_any_order.py::TestAnyOrder")
