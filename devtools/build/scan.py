"""`python -m devtools.build.scan`: what checkov finds in the template, and why it is so.

Every finding has its reason here, and every reason its finding: a new one fails the check, and so
does a reason for something that is no longer found. checkov runs in an environment of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devtools.build.checks import TEMPLATE
from devtools.build.sam import ROOT, BuildFailed

CHECKOV = ROOT / ".venv-scan" / "bin" / "checkov"
_FUNCTIONS: Final = (
    "WebhookFunction",
    "PlanExportFunction",
    "ConvertAssetsFunction",
    "AggregateArchiveFunction",
    "FinishExportFunction",
    "ReconcileFunction",
    "NotifyFunction",
)
_LOG_GROUPS: Final = (
    "WebhookLogGroup",
    "PlanExportLogGroup",
    "ConvertAssetsLogGroup",
    "AggregateArchiveLogGroup",
    "FinishExportLogGroup",
    "ReconcileLogGroup",
    "NotifyLogGroup",
    "StateMachineLogGroup",
    "ApiLogGroup",
)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A check of checkov's that a resource, by its logical id, does not pass."""

    check: str
    resource: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why resources do not pass a check."""

    check: str
    resources: tuple[str, ...]
    reason: str


EXPLANATIONS: Final = (
    Explanation(
        "CKV_AWS_18",
        ("Bucket", "CopiesBucket"),
        "Access logs need another bucket, whose place and retention the account's owner decides;"
        " CloudTrail's data events do the same without one.",
    ),
    Explanation(
        "CKV_AWS_21",
        ("Bucket",),
        "What is published is immutable and kept by the system's own retention. Versions of"
        " latest.zip would cost one archive a minute; OldVersionsDays turns them on.",
    ),
    Explanation(
        "CKV_AWS_27",
        ("ReconcileDeadLetters", "NotifyQueue", "NotifyDeadLetters"),
        "The queues are encrypted with SQS's own key. They hold the schedule's constant input, and"
        " events that every consumer of the bus gets.",
    ),
    Explanation(
        "CKV_AWS_115",
        tuple(name for name in _FUNCTIONS if name != "WebhookFunction"),
        "The workflow and the queue bound them: a run has MaxConcurrency batches. Reserved"
        " concurrency would take it from the account's other functions.",
    ),
    Explanation(
        "CKV_AWS_116",
        tuple(name for name in _FUNCTIONS if name != "ReconcileFunction"),
        "They are called synchronously, by the API, the workflow and a queue, which see the failure"
        " themselves: a queue for failed asynchronous calls would stay empty.",
    ),
    Explanation(
        "CKV_AWS_117",
        _FUNCTIONS,
        "They need Kili, AWS and public endpoints, nothing of a private network. A network of"
        " one's own would need a NAT gateway and would protect nothing that IAM does not.",
    ),
    Explanation(
        "CKV_AWS_119",
        ("Table",),
        "The table is encrypted with the key that AWS manages. It holds ids and times.",
    ),
    Explanation(
        "CKV_AWS_158",
        _LOG_GROUPS,
        "CloudWatch encrypts them. They hold ids and counts; a key of one's own would need a"
        " policy for the logs service, which KmsKeyArn does not ask for.",
    ),
    Explanation(
        "CKV_AWS_173",
        _FUNCTIONS,
        "The variables are names and numbers; secrets are read from Secrets Manager.",
    ),
)


def main() -> int:
    """Scans the template. The exit status is 1 when a finding or a reason stands alone."""
    try:
        problems = compare(scan())
    except BuildFailed as error:
        problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def compare(found: Iterable[Finding]) -> list[str]:
    """What stands alone: findings without a reason, and reasons without a finding."""
    findings = set(found)
    explained = {Finding(one.check, resource) for one in EXPLANATIONS for resource in one.resources}
    return [
        *(f"{one.resource}: {one.check} has no reason" for one in sorted(findings - explained)),
        *(f"{one.resource}: {one.check} is not found" for one in sorted(explained - findings)),
    ]


def scan(template: Path = TEMPLATE) -> list[Finding]:
    """What checkov finds. Raises BuildFailed when it does not run."""
    done = subprocess.run(
        [CHECKOV, "--file", template, "--framework", "cloudformation", "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
        # Nothing is to be fetched or sent.
        env={**os.environ, "BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR"},
    )
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise BuildFailed(f"checkov {template.name}:\n{done.stdout}{done.stderr}") from error
    if results["parsing_errors"]:
        raise BuildFailed(f"checkov cannot read {results['parsing_errors']}")
    return [
        Finding(one["check_id"], one["resource"].rpartition(".")[2])
        for one in results["failed_checks"]
    ]


if __name__ == "__main__":
    sys.exit(main())
