"""Names and numbers that are stored or matched as they are: keys, executions, errors, versions."""

from collections.abc import Iterator, Mapping
from inspect import isclass
from typing import Any

import yaml

from tests.pins.product import (
    CORRECTED,
    FORMATS,
    PLAN_VERSION,
    ROOT,
    asset_subject,
    budget_name,
    errors,
    execution_name,
    keys,
    shard_of,
    template,
)


def names() -> dict[str, Any]:
    """All of them."""
    return {
        "keys": _keys(),
        "executions": {
            "first": execution_name("project1", 29_500_000),
            "with a suffix": execution_name("project1", 29_500_000, "f7"),
            "of a long id": execution_name("p" * 41, 29_500_000, "r00000001"),
            "of the longest id": execution_name("p" * 40, 29_500_000),
        },
        "subjects": {
            one: f"{one} in {shard_of(one)}"
            for one in (
                *(asset_subject(f"asset{number}") for number in range(40)),
                *("rebuild", "reconcile", "check"),
            )
        },
        "rate limit": budget_name("arn:aws:secretsmanager:eu-west-1:1:secret:kili"),
        "errors": sorted(_errors()),
        "errors that the workflow matches": sorted(_matched(_definition())),
        "alarms": sorted(_alarms()),
        "versions": {
            "plan": PLAN_VERSION,
            **{f"{name}, sdk": one.version for name, one in FORMATS.items()},
            **{f"{name}, corrected": one.version for name, one in CORRECTED.items()},
        },
    }


def unknown_errors() -> set[str]:
    """Errors that the workflow matches and nobody raises."""
    ours = {name for name in _matched(_definition()) if "." not in name}
    return ours - _errors() - {"ValidationError"}


def _keys() -> dict[str, str]:
    project, export, run = "project1", "my-export", "00000012-abc"
    return {
        "all that consumers read": keys.export_prefix(project, export),
        "manifest": keys.manifest_key(project, export),
        "latest archive": keys.latest_key(project, export),
        "loss report": keys.report_key(project, export),
        "archive": keys.archive_key(project, export, 12, run),
        "archive, many": keys.archive_key(project, export, 123_456_789, run),
        "delta": keys.delta_key(project, export, 12, run),
        "ledger": keys.ledger_key(project, export, 12, run),
        "state of an export": keys.state_prefix(project, export),
        "history": keys.history_key(project, export),
        "upload journal": keys.uploads_key(project, export),
        "ledgers": keys.ledgers_prefix(project, export),
        "snapshots": keys.snapshots_prefix(project, export),
        "snapshot": keys.snapshot_key(project, export, "v1.0"),
        "registration": keys.registration_key(project),
        "registrations": keys.REGISTRATIONS_PREFIX,
        "runs": keys.runs_prefix(project),
        "run": keys.run_prefix(project, run),
        "plan": keys.plan_key(project, run),
        "work list": keys.work_key(project, run),
        "planned changes": keys.marks_key(project, run),
        "results": keys.results_prefix(project, run),
        "batch": keys.batch_key(project, run, "a1"),
        "joins": keys.joins_prefix(project, run, export),
        "checkpoint of a failed run": keys.resumption_key(project),
        "delayed rechecks": keys.second_looks_key(project),
        "tracked exports": keys.followed_key(project),
        "pseudonym key": keys.pseudonyms_key(project),
        "full-export session": keys.session_key(project),
        "slices": keys.listings_prefix(project),
        "listing of a full export": keys.listing_key(project),
        "listings to compare": keys.all_comparisons_prefix(project),
        "listing to compare": keys.comparisons_prefix(project, "sweep"),
        "slice": keys.slice_key(project, "s1", 3),
    }


def _errors() -> set[str]:
    return {
        name
        for name, one in vars(errors).items()
        if isclass(one) and issubclass(one, errors.ExportError)
    }


def _definition() -> Any:
    return yaml.safe_load((ROOT / "statemachine/export.asl.yaml").read_text())


def _matched(part: Any) -> Iterator[str]:
    """Every name in an `ErrorEquals` of a state machine, or in a comparison with a name."""
    if isinstance(part, Mapping):
        yield from part.get("ErrorEquals", ())
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _matched(one)


def _alarms() -> Iterator[str]:
    """Which metrics the alarms of the template watch."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            properties = resource["Properties"]
            yield f"{name}: {properties.get('Namespace')} {properties.get('MetricName')}"
