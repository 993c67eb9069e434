"""The template's parts fit each other, the workflow, the settings and the code."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devtools.build.checks import DEFINITION, check_template, check_workflow
from kili_export.costs import estimate as cost_estimate
from kili_export.local.workflow.definition import read_definition, substitution_names
from kili_export.maintenance.reconciliation.messages import ReconcileRequest
from kili_export.registration.notify_endpoint import EVENT_NAMES, MOST_ENDPOINTS
from kili_export.runs import announcements as notifications
from kili_export.steps.conversion.media_spool import MediaLimits
from kili_export.wiring.settings import VARIABLES
from tests.support.template_document import ROOT, functions, resources_of, template

POWERTOOLS = {
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}


def environment() -> Mapping[str, Any]:
    """What any function is given, by name."""
    variables = dict(template()["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions().values():
        variables.update(function.get("Environment", {}).get("Variables", {}))
    return variables


def machine() -> Mapping[str, Any]:
    [resource] = resources_of("AWS::Serverless::StateMachine").values()
    properties: Mapping[str, Any] = resource["Properties"]
    return properties


def tasks(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for state in block["States"].values():
        if state["Type"] == "Task":
            yield state
        if "ItemProcessor" in state:
            yield from tasks(state["ItemProcessor"])


def test_the_linter_has_nothing_to_say() -> None:
    check_template()


def test_the_workflow_is_valid() -> None:
    check_workflow()


def test_every_variable_of_the_functions_is_one_that_the_settings_read() -> None:
    read = {variable.name for variable in VARIABLES} | POWERTOOLS
    assert environment().keys() - read == set()


def test_every_setting_without_a_default_is_given() -> None:
    needed = {variable.name for variable in VARIABLES if variable.default is None}
    assert needed - environment().keys() == set()


def test_defaults_of_the_template_are_those_of_the_settings() -> None:
    given = {
        variable.name: template()["Parameters"][environment()[variable.name]["Ref"]]["Default"]
        for variable in VARIABLES
        if variable.name in environment() and variable.default is not None
    }
    assert {name: str(value) for name, value in given.items()} == {
        variable.name: variable.default for variable in VARIABLES if variable.name in given
    }


def test_workers_have_the_disk_that_each_limit_for_media_needs() -> None:
    """Two files of that size at once, and what was fetched before them, fit with some room."""
    worker = functions()["convert_assets"]
    disk = worker["EphemeralStorage"]["Size"]["Fn::FindInMap"]
    assert disk == ["DiskForMedia", {"Ref": "MediaFileLimit"}, "MiB"]
    assert worker["Environment"]["Variables"]["MEDIA_FILE_LIMIT"] == {"Ref": "MediaFileLimit"}
    sizes = template()["Mappings"]["DiskForMedia"]
    allowed = template()["Parameters"]["MediaFileLimit"]["AllowedValues"]
    assert sorted(sizes) == sorted(map(str, allowed))
    for limit in map(int, allowed):
        needed = MediaLimits(limit).most + limit
        assert needed < sizes[str(limit)]["MiB"] << 20 <= 10240 << 20, limit


def test_every_substitution_of_the_workflow_is_given() -> None:
    assert machine()["DefinitionSubstitutions"].keys() == substitution_names(
        read_definition(DEFINITION)
    )
    assert ROOT / machine()["DefinitionUri"] == DEFINITION


def test_functions_know_the_state_machine_by_the_name_that_it_has() -> None:
    arn = environment()["STATE_MACHINE_ARN"]["Fn::Sub"]
    assert arn.endswith(f":stateMachine:{machine()['Name']['Fn::Sub']}")


def machine_calls() -> Iterator[str]:
    for task in tasks(read_definition(DEFINITION)):
        yield task["Arguments"]["FunctionName"]


def test_a_function_ends_before_the_task_that_waits_for_it() -> None:
    """Then its log says that it ran out of time, and it does not go on for nobody."""
    ids = {
        resource["Properties"]["CodeUri"]: name
        for name, resource in resources_of("AWS::Serverless::Function").items()
    }
    timeouts = {
        f"${{{ids[properties['CodeUri']]}Arn}}": properties["Timeout"]
        for properties in functions().values()
    }
    longest: dict[str, int] = {}
    for task in tasks(read_definition(DEFINITION)):
        called = task["Arguments"]["FunctionName"]
        # Assets that are tried one by one have less time, by the number of them.
        if isinstance(task["TimeoutSeconds"], int):
            longest[called] = max(longest.get(called, 0), task["TimeoutSeconds"])
    assert longest.keys() == set(timeouts) & set(machine_calls())
    for called, patience in longest.items():
        assert timeouts[called] < patience, called


def test_a_queue_brings_events_to_who_delivers_them() -> None:
    [mapping] = resources_of("AWS::Lambda::EventSourceMapping").values()
    properties = mapping["Properties"]
    queue = resources_of("AWS::SQS::Queue")["NotifyQueue"]["Properties"]
    assert properties["FunctionName"] == {"Ref": "NotifyFunction"}
    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["NotifyQueue", "Arn"]}
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Together they would have to end within the time of one.
    assert properties["BatchSize"] == 1
    assert queue["VisibilityTimeout"] >= 6 * functions()["notify"]["Timeout"]
    # Messages that endpoints do not answer to must not become dead letters within their day.
    attempts = 23
    assert queue["RedrivePolicy"]["maxReceiveCount"] > attempts * MOST_ENDPOINTS
    rule = resources_of("AWS::Events::Rule")["NotifyRule"]["Properties"]
    assert set(rule["EventPattern"]["detail-type"]) == set(EVENT_NAMES) - {"Removals Held"}
    assert rule["EventPattern"]["source"] == [notifications.SOURCE]
    assert [target["Arn"] for target in rule["Targets"]] == [properties["EventSourceArn"]]


@pytest.mark.parametrize("name", sorted(functions()))
def test_every_function_has_its_handler(name: str) -> None:
    handler = template()["Globals"]["Function"]["Handler"]
    module = importlib.import_module(f"functions.{name}.{handler.partition('.')[0]}")
    assert callable(getattr(module, handler.partition(".")[2]))


def test_no_folder_of_a_function_is_left_out_of_the_template() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert folders == functions().keys()


def test_the_layer_is_made_of_the_pinned_packages() -> None:
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    assert (ROOT / "layers" / "dependencies" / "requirements.txt").read_text() == pinned


def test_artifacts_are_built_for_the_processor_that_functions_run_on() -> None:
    architectures = template()["Globals"]["Function"]["Architectures"]
    for name, layer in resources_of("AWS::Serverless::LayerVersion").items():
        assert [layer["Metadata"]["BuildArchitecture"]] == architectures, name
        assert layer["Properties"]["CompatibleArchitectures"] == architectures, name
        # Only the layer of packages has parts that are compiled for one version of Python.
        runtime = template()["Globals"]["Function"]["Runtime"]
        expected = "makefile" if name == "SharedLayer" else runtime
        assert layer["Metadata"]["BuildMethod"] == expected


def test_the_rule_forwards_what_is_published() -> None:
    rule = resources_of("AWS::Events::Rule")["ExportsRule"]
    assert rule["Properties"]["EventPattern"] == {
        "source": [notifications.SOURCE],
        "detail-type": [notifications.PUBLISHED, notifications.FAILED],
    }
    assert rule["Condition"] == "NotifiesThroughSns"


def test_a_reconciliation_that_is_given_up_ends_in_the_queue() -> None:
    reconcile = functions()["reconcile"]
    queue = {"Fn::GetAtt": ["ReconcileDeadLetters", "Arn"]}
    for name, schedule in reconcile["Events"].items():
        assert schedule["Type"] == "ScheduleV2", name
        assert schedule["Properties"]["DeadLetterConfig"]["Arn"] == queue, name
    # The schedule only hands the event over; that the function failed is Lambda's business.
    assert reconcile["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": queue}


def test_schedules_sweep_often_and_compare_now_and_then() -> None:
    events = functions()["reconcile"]["Events"]
    asked = {
        name: ReconcileRequest.model_validate_json(event["Properties"]["Input"])
        for name, event in events.items()
    }
    assert asked == {
        "Sweep": ReconcileRequest(compare=False),
        "Follow": ReconcileRequest(compare=False, follow=True),
        "Comparison": ReconcileRequest(compare=True),
    }
    assert events["Follow"]["Properties"]["State"] == {"Ref": "FollowEvents"}
    assert template()["Parameters"]["FollowEvents"]["Default"] == "DISABLED"


def test_the_webhook_is_throttled_and_its_concurrency_reserved() -> None:
    [api] = resources_of("AWS::Serverless::HttpApi").values()
    assert api["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"]
    webhook = functions()["webhook"]
    assert webhook["ReservedConcurrentExecutions"]["Fn::If"][1] == {"Ref": "WebhookConcurrency"}
    [route] = webhook["Events"].values()
    assert (route["Properties"]["Method"], route["Properties"]["Path"]) == (
        "POST",
        "/webhooks/kili",
    )
    assert template()["Outputs"]["WebhookUrl"]["Value"]["Fn::Sub"].endswith(
        route["Properties"]["Path"]
    )


def test_a_new_account_can_create_the_stack() -> None:
    """Lambda reserves nothing that would leave an account fewer than 100 unreserved.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    assert template()["Parameters"]["WebhookConcurrency"]["Default"] == 0
    condition = template()["Conditions"]["ReservesConcurrency"]
    assert condition == {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebhookConcurrency"}, 0]}]}
    assert functions()["webhook"]["ReservedConcurrentExecutions"]["Fn::If"][0] == (
        "ReservesConcurrency"
    )


def maps(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for state in block["States"].values():
        if state["Type"] == "Map":
            yield state
            yield from maps(state["ItemProcessor"])


def test_what_runs_at_once_leaves_a_new_account_functions_for_the_webhook() -> None:
    """A new account may run 10 at once: https://docs.aws.amazon.com/lambda/latest/dg/limits.html."""
    at_once = [state["MaxConcurrency"] for state in maps(read_definition(DEFINITION))]
    numbers = [one for one in at_once if isinstance(one, int)]
    assert len(at_once) - len(numbers) == 1, "the Distributed Map takes the parameter"
    assert max(*numbers, template()["Parameters"]["MaxConcurrency"]["Default"]) < 10


def emitted() -> set[str]:
    """The names of the metrics that the functions count, and those made of the API's log."""
    wiring = ROOT / "layers" / "shared" / "kili_export" / "wiring"
    code = "".join(path.read_text() for path in wiring.glob("*.py"))
    counted = set(re.findall(r'invocation\.count\(\s*"([A-Za-z0-9]+)"', code))
    return counted | {
        made["MetricName"]
        for one in resources_of("AWS::Logs::MetricFilter").values()
        for made in one["Properties"]["MetricTransformations"]
    }


def watched() -> set[str]:
    """The names of our metrics that alarms and the dashboard look at."""
    namespace = environment()["POWERTOOLS_METRICS_NAMESPACE"]
    names = set()
    for alarm in resources_of("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        metrics = [
            one["MetricStat"]["Metric"]
            for one in properties.get("Metrics", ())
            if "MetricStat" in one
        ] or [properties]
        for metric in metrics:
            if metric["Namespace"] == namespace:
                names.add(metric["MetricName"])
                assert [one["Name"] for one in metric["Dimensions"]] == ["service"]
    for widget in dashboard()["widgets"]:
        above: list[Any] = []
        for row in widget["properties"]["metrics"]:
            full = [above[i] if value == "." else value for i, value in enumerate(row)]
            above = above if row[0] == "..." else full
            if above[0] == namespace:
                names.add(above[1])
    return names


def dashboard() -> Mapping[str, Any]:
    [resource] = resources_of("AWS::CloudWatch::Dashboard").values()
    body = resource["Properties"]["DashboardBody"]["Fn::Sub"]
    filled: Mapping[str, Any] = json.loads(re.sub(r"\$\{[^}]+\}", "1", body))
    return filled


def test_every_metric_that_is_watched_is_emitted() -> None:
    assert watched()
    assert watched() - emitted() == set()


@pytest.mark.parametrize("name", sorted(resources_of("AWS::CloudWatch::Alarm")))
def test_every_alarm_tells_the_topic_and_is_quiet_without_data(name: str) -> None:
    properties = resources_of("AWS::CloudWatch::Alarm")[name]["Properties"]
    # Of the schedules nothing is heard when they are silent. A new stack has no data either, and
    # must not go off: what notifies is that data stops.
    silent = name == "ReconcileSilentAlarm"
    assert properties["TreatMissingData"] == ("missing" if silent else "notBreaching")
    notifying = {"AlarmActions", "OKActions"} | ({"InsufficientDataActions"} if silent else set())
    assert {key for key in properties if key.endswith("Actions")} == notifying
    for action in notifying:
        assert properties[action]["Fn::If"][:2] == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}]]


@pytest.mark.parametrize("name", sorted(resources_of("AWS::CloudWatch::Alarm")))
def test_no_alarm_fills_what_is_missing(name: str) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html."""
    assert "Metrics" not in resources_of("AWS::CloudWatch::Alarm")[name]["Properties"]


# Seconds between two datapoints while nothing changes: by the defaults of the schedules.
GAUGES = {
    "ReconcileFailed": 3600,
    "AssetsQuarantined": 3600,
    "OldestMarkSeconds": 300,
    "ProjectsHeld": 300,
    "ExportsLeftOut": 300,
}


@pytest.mark.parametrize("metric", sorted(GAUGES))
def test_an_alarm_stays_on_between_two_datapoints_of_what_lasts(metric: str) -> None:
    [alarm] = [
        one["Properties"]
        for one in resources_of("AWS::CloudWatch::Alarm").values()
        if one["Properties"]["MetricName"] == metric
    ]
    assert alarm["DatapointsToAlarm"] == 1
    assert alarm["Period"] * (alarm["EvaluationPeriods"] - 1) >= 2 * GAUGES[metric]


def test_throttled_calls_are_counted_from_the_log_of_the_api() -> None:
    [api] = resources_of("AWS::Serverless::HttpApi").values()
    [made] = resources_of("AWS::Logs::MetricFilter").values()
    line = json.loads(
        api["Properties"]["AccessLogSettings"]["Format"]["Fn::Sub"]
        .replace("${AWS::StackName}", "one")
        .replace("$context.status", "429")
    )
    assert line["status"] == "429"
    assert made["Properties"]["FilterPattern"] == '{ $.status = "429" }'
    [transformation] = made["Properties"]["MetricTransformations"]
    assert [one["Key"] for one in transformation["Dimensions"]] == ["service"]
    assert line["service"] == "one"
    assert not [key for key in line if "ip" in key.lower()], "the sender's address is not kept"


@pytest.mark.parametrize(
    "metric",
    [
        "OldestMarkSeconds",
        "AssetsUnanswered",
        "ProjectsHeld",
        "ExportsLeftOut",
        "EventsRejected",
        "ProjectsReconciled",
        "WebhookThrottled",
        "ExecutionsTimedOut",
        "ExportsFailed",
    ],
)
def test_what_goes_wrong_for_long_raises_an_alarm(metric: str) -> None:
    alarms = resources_of("AWS::CloudWatch::Alarm").values()
    assert metric in {alarm["Properties"].get("MetricName") for alarm in alarms}


def test_the_cost_of_alarms_counts_every_metric_that_they_look_at() -> None:
    alarms = [one["Properties"] for one in resources_of("AWS::CloudWatch::Alarm").values()]
    looked_at = [
        max(1, sum("MetricStat" in metric for metric in alarm.get("Metrics", ())))
        for alarm in alarms
    ]
    assert sum(looked_at) == cost_estimate._ALARMS


@pytest.mark.parametrize("name", sorted(template()["Parameters"]))
def test_every_parameter_has_a_sensible_default_and_says_what_it_is(name: str) -> None:
    parameter = template()["Parameters"][name]
    assert parameter["Description"]
    assert "Default" in parameter
    pattern = parameter.get("AllowedPattern")
    assert pattern is None or re.fullmatch(pattern, parameter["Default"])
    bounded = {"MinValue", "MaxValue"} <= parameter.keys()
    assert bounded or pattern or "AllowedValues" in parameter, f"{name} takes anything"


@pytest.mark.parametrize("name", sorted(template()["Parameters"]))
def test_no_parameter_has_a_number_that_a_reader_of_yaml_may_turn(name: str) -> None:
    """5368709120 arrives as 5.36870912E9, which no function takes for a number."""
    parameter = template()["Parameters"][name]
    numbers = [
        parameter.get("Default"),
        parameter.get("MinValue"),
        parameter.get("MaxValue"),
        *parameter.get("AllowedValues", ()),
    ]
    assert not [one for one in numbers if isinstance(one, int) and one >= 10_000_000]


def test_the_dashboard_is_linked_in_every_partition() -> None:
    consoles = template()["Mappings"]["ConsoleOfPartition"]
    assert consoles.keys() == {"aws", "aws-cn", "aws-us-gov"}
    link, values = template()["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
    assert link.startswith("https://${Console}/")
    assert values["Console"]["Fn::FindInMap"] == [
        "ConsoleOfPartition",
        {"Ref": "AWS::Partition"},
        "Domain",
    ]


def test_people_find_every_parameter_in_a_group() -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template()["Parameters"])


def test_the_outputs_that_the_command_line_reads_are_there() -> None:
    assert {
        "WebhookUrl",
        "WebhookSecretArn",
        "KiliApiKeySecretArn",
        "KiliApiEndpoint",
        "BucketName",
        "TableName",
        "StateMachineArn",
        "EventBusName",
        "ReconcileFunctionName",
    } <= template()["Outputs"].keys()


def test_handlers_are_thin() -> None:
    """Besides imports, at most sixty lines of code."""
    for path in sorted((ROOT / "functions").glob("*/app.py")):
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        code = [line for line in lines if not line.startswith(("import ", "from ", "#"))]
        assert len(code) <= 60, path


def test_the_shared_layer_leaves_out_the_stack_of_one_machine(tmp_path: Path) -> None:
    layer = resources_of("AWS::Serverless::LayerVersion")["SharedLayer"]
    subprocess.run(
        ("make", "build-SharedLayer", f"ARTIFACTS_DIR={tmp_path}"),
        cwd=ROOT / layer["Properties"]["ContentUri"],
        check=True,
        capture_output=True,
    )
    built = {path.name for path in (tmp_path / "python" / "kili_export").iterdir()}
    package = {path.name for path in (ROOT / "layers/shared/kili_export").iterdir()}
    assert package - built - {"__pycache__"} == {"local"}
    assert not list(tmp_path.rglob("__pycache__"))
