"""The build stops at a template or a workflow that is not right."""

from pathlib import Path

import pytest

from devtools.build.checks import DEFINITION, TEMPLATE, check_template, check_workflow
from devtools.build.sam import BuildFailed


def test_a_misspelled_property_of_the_template_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("BillingMode:", "BilingMode:"))
    with pytest.raises(BuildFailed, match="BilingMode"):
        check_template(broken)


def test_a_workflow_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "export.asl.yaml"
    broken.write_text(DEFINITION.read_text().replace("Next: PlanExport", "Next: PlanExports"))
    with pytest.raises(BuildFailed, match="PlanExports"):
        check_workflow(broken)
