"""A warm worker: one process that runs one function's handler, one invocation after another.

Started by `workers.py`: `python -m kili_export.local.stack.worker DESCRIPTOR MODULE.HANDLER`.
What the handler prints goes to standard output, which is the function's log file.
"""

import importlib
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from kili_export.local.stack.lambda_context import LocalContext
from kili_export.local.stack.lifeline import end_with_parent
from kili_export.local.stack.wire import ConnectionEnded, receive_message, send_message
from kili_export.wiring.invocation import Counted, observers

Handler = Callable[[Any, LocalContext], Any]


def main() -> None:
    """Serves until the stack closes the connection."""
    end_with_parent()
    connection = socket.socket(fileno=int(sys.argv[1]))
    try:
        handler = _load(sys.argv[2])
    except BaseException as error:
        send_message(connection, _failure("Runtime.ImportModuleError", error))
        raise
    send_message(connection, {"ready": True})
    counted: list[Counted] = []
    observers.append(counted.append)
    try:
        while True:
            request = receive_message(connection)
            began = time.perf_counter()
            answer = _answer(handler, request)
            _report(request, time.perf_counter() - began)
            send_message(connection, {**answer, "counted": counted})
            counted.clear()
    except ConnectionEnded:
        return


def _load(name: str) -> Handler:
    """Finds the handler as Lambda does: in the folder LAMBDA_TASK_ROOT before anywhere else."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), attribute)
    return handler


def _answer(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    try:
        result = handler(request["event"], _context(request))
    except Exception as error:  # noqa: BLE001 as Lambda does: whatever is raised is the answer
        return _failure(type(error).__name__, error)
    try:
        # Lambda answers JSON: what JSON cannot hold is the function's error and not the caller's.
        json.dumps(result)
    except (TypeError, ValueError) as error:
        return _failure("Runtime.MarshalError", error)
    return {"result": result}


def _context(request: dict[str, Any]) -> LocalContext:
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    return LocalContext(
        function_name=name,
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        invoked_function_arn=request["arn"],
        aws_request_id=request["request_id"],
        deadline=request["deadline"],
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name=f"local/{os.getpid()}",
    )


def _report(request: dict[str, Any], seconds: float) -> None:
    """Logs what Lambda logs after each invocation, in the form of its JSON logs.

    https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
    """
    metrics = {"durationMs": round(seconds * 1000, 3)}
    record = {"requestId": request["request_id"], "metrics": metrics}
    print(json.dumps({"type": "platform.report", "record": record}), flush=True)


def _failure(name: str, error: BaseException) -> dict[str, Any]:
    report = {
        "level": "ERROR",
        "errorType": name,
        "errorMessage": str(error),
        "stackTrace": traceback.format_exception(error),
    }
    print(json.dumps(report), flush=True)
    return {"error": name, "message": str(error)}


if __name__ == "__main__":
    main()
