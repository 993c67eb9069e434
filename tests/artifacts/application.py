"""The whole system on this machine, its functions being the artifacts that would be deployed."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kili_export.aws.s3 import S3ObjectStore
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.resources import ResourceNames
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.local.stack.template import (
    ACCOUNT,
    REGION,
    Template,
    TemplateFunction,
    function_of_arn,
)
from kili_export.local.workflow.api import serve_stepfunctions
from kili_export.local.workflow.definition import read_definition
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.local.workflow.objects import S3Objects
from kili_export.local.workflow.service import WorkflowService
from tests.artifacts.permission_gate import PermissionGate
from tests.artifacts.policies import Policy
from tests.artifacts.sandbox import FunctionError, Sandbox
from tests.support.aws_services import LocalAws, create_resources
from tests.support.moto_server import MotoServer
from tests.support.template_document import functions, resources_of

WEBHOOK_SECRET = "sample-webhook-secret"
_RUN_SECONDS = 120.0


class BuiltApplication:
    """Built functions in sandboxes, each behind its policy. Use as a context."""

    def __init__(self, artifacts: Path, scratch: Path) -> None:
        self.names = ResourceNames()
        self.gates: dict[str, PermissionGate] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self.world = KiliWorld(api_key="stand-in-key", seed=1)
        self.project = self.world.add_project(sample_project(1))
        # As after a crash of planning: runs go through single steps, however small they are.
        self.single_steps = False
        self._artifacts = artifacts
        self._scratch = scratch
        self._started = ExitStack()

    def __enter__(self) -> "BuiltApplication":
        try:
            self._start()
        except BaseException:
            self._started.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def invoke(self, function: str, event: Any) -> Any:
        """Calls a function by the name of its folder. Raises FunctionError."""
        return self.sandboxes[function].invoke(event)

    def finish_runs(self) -> dict[str, str]:
        """Waits until no execution runs. Answers the status of each, by name."""
        deadline = time.monotonic() + _RUN_SECONDS
        while running := self.workflow.list("RUNNING"):
            assert time.monotonic() < deadline, f"{running[0].name} does not end"
            self.workflow.join(running[0].arn, 1.0)
        return {execution.name: execution.status for execution in self.workflow.list()}

    def why_it_failed(self) -> str:
        """What executions failed with, for a message."""
        return "; ".join(
            f"{execution.name}: {execution.status} {execution.error} {execution.cause}"
            for execution in self.workflow.list()
            if execution.status != "SUCCEEDED"
        )

    def _start(self) -> None:
        s3 = SeaweedServer(
            self._scratch / "s3",
            bucket=self.names.bucket,
            access_key_id="AKIAEXAMPLE",
            secret_access_key="example-secret",
            volume_megabytes=256,
        )
        moto = MotoServer(process_environment(), self._scratch / "logs")
        for server in (s3, moto):
            self._started.callback(server.stop)
            server.start()
        self.objects = S3ObjectStore(s3.client(), self.names.bucket)
        standin = self._started.enter_context(start_standin(self.world))
        template = self._template(standin.endpoint)
        self.workflow = WorkflowService(
            read_definition(template.definition()),
            template.substitutions(),
            self._invoke_for_workflow,
            S3Objects(s3.client()),
            self._scratch / "executions",
            machine_name=template.state_machine_arn().rpartition(":")[2],
            region=REGION,
            account=ACCOUNT,
        )
        self._started.callback(self.workflow.close)
        endpoint = serve_stepfunctions(self.workflow)
        self._started.callback(endpoint.close)
        upstreams = {"s3": s3.endpoint, "states": endpoint.url, "*": moto.endpoint}
        self._create_resources(template, upstreams)
        for function in template.functions():
            self._start_function(function, upstreams)

    def _template(self, kili: str) -> Template:
        return Template(
            {
                "KiliApiEndpoint": kili,
                "KiliRequestsPerMinute": "6000",
                "WindowSeconds": "1",
                "SettleSeconds": "0",
            },
            {
                "Bucket": self.names.bucket,
                "Table": self.names.table,
                "EventBus": self.names.event_bus,
                "KiliApiKeySecret": self.names.kili_secret,
                "WebhookSecret": self.names.webhook_secret,
            },
        )

    def _create_resources(self, template: Template, upstreams: Mapping[str, str]) -> None:
        environment = {
            **_credentials(),
            "AWS_ENDPOINT_URL": upstreams["*"],
            "AWS_ENDPOINT_URL_S3": upstreams["s3"],
            "AWS_ENDPOINT_URL_SFN": upstreams["states"],
        }
        create_resources(
            LocalAws(environment),
            self.names,
            table=template.table(),
            secrets={
                self.names.kili_secret: self.world.api_key,
                self.names.webhook_secret: WEBHOOK_SECRET,
            },
        )

    def _start_function(self, function: TemplateFunction, upstreams: Mapping[str, str]) -> None:
        policy = Policy(functions()[function.name], self._resource_names())
        gate = self._started.enter_context(PermissionGate(policy, upstreams))
        ids = {
            Path(resource["Properties"]["CodeUri"]).name: logical_id
            for logical_id, resource in resources_of("AWS::Serverless::Function").items()
        }
        environment = {
            **function.environment,
            **_credentials(),
            "AWS_ENDPOINT_URL": gate.url,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(int(function.timeout)),
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
        }
        sandbox = Sandbox(
            self._artifacts, ids[function.name], environment, self._scratch / function.name
        )
        self.gates[function.name] = gate
        self.sandboxes[function.name] = self._started.enter_context(sandbox)

    def _resource_names(self) -> dict[str, str]:
        """What the references in policies stand for here, as they appear in requests."""
        return {
            "Bucket.Arn": f"arn:aws:s3:::{self.names.bucket}",
            "Table.Arn": self.names.table,
            "EventBus.Arn": self.names.event_bus,
            "KiliApiKeySecret": self.names.kili_secret,
            "WebhookSecret": self.names.webhook_secret,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": "kili-export",
        }

    def _invoke_for_workflow(self, function: str, payload: Any) -> Any:
        name = function_of_arn(function)
        if self.single_steps and name == "plan_export":
            payload = {**payload, "whole": False}
        try:
            return self.invoke(name, payload)
        except FunctionError as error:
            raise FunctionFailed(error.name, error.message) from error


def _credentials() -> dict[str, str]:
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example-secret",
    }
