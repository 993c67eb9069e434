"""The reasons for what the template scan finds are kept apart from what it does not find."""

from devtools.build.scan import EXPLANATIONS, Finding, compare
from tests.support.template_document import template

ALL = [Finding(one.check, name) for one in EXPLANATIONS for name in one.resources]


def test_findings_with_their_reasons_pass() -> None:
    assert compare(ALL) == []


def test_a_finding_without_a_reason_is_reported() -> None:
    assert compare([*ALL, Finding("CKV_AWS_20", "Bucket")]) == ["Bucket: CKV_AWS_20 has no reason"]


def test_a_reason_without_a_finding_is_told() -> None:
    gone = ALL[0]
    assert compare(ALL[1:]) == [f"{gone.resource}: {gone.check} is not found"]


def test_reasons_are_about_resources_of_the_template() -> None:
    assert {finding.resource for finding in ALL} <= template()["Resources"].keys()
