"""Checks the template and the workflow more strictly than SAM does."""

import subprocess
import sys
from pathlib import Path

from devtools.build.sam import ROOT, BuildFailed
from kili_export.local.workflow.check import check_definition
from kili_export.local.workflow.definition import read_definition

TEMPLATE = ROOT / "template.yaml"
DEFINITION = ROOT / "statemachine" / "export.asl.yaml"


def check_template(template: Path = TEMPLATE) -> None:
    """Runs cfn-lint, hints included. Raises BuildFailed with what it found."""
    linter = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run(
        [linter, "--include-checks", "I", "--regions", "eu-west-1", "us-east-1", "--", template],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode or found.stdout.strip():
        raise BuildFailed(f"cfn-lint {template.name}:\n{found.stdout}{found.stderr}")


def check_workflow(definition: Path = DEFINITION) -> None:
    """Checks the state machine's definition. Raises BuildFailed with what is wrong."""
    problems = check_definition(read_definition(definition))
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise BuildFailed(f"{definition.name}:\n{listed}")
