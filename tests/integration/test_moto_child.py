"""DynamoDB's requests are answered one after another, those of other services side by side."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.moto_child import OneAtATime


@pytest.mark.parametrize(
    ("target", "waits"),
    [("DynamoDB_20120810.UpdateItem", True), ("AmazonSQS.ReceiveMessage", False), ("", False)],
)
def test_only_requests_to_dynamodb_wait_for_each_other(target: str, waits: bool) -> None:
    second_came_in = threading.Event()
    came_in_while_first_was_inside: list[bool] = []

    def application(environ: dict[str, Any], _: Any) -> Iterable[bytes]:
        if environ["number"] == "second":
            second_came_in.set()
        else:
            second.start()
            came_in_while_first_was_inside.append(second_came_in.wait(0.3 if waits else 10))
        return [environ["number"].encode()]

    server = OneAtATime(application)

    def ask(number: str) -> None:
        answer = server({"HTTP_X_AMZ_TARGET": target, "number": number}, None)
        assert list(answer) == [number.encode()]

    second = threading.Thread(target=ask, args=("second",))
    ask("first")
    second.join()
    assert second_came_in.is_set()
    assert came_in_while_first_was_inside == [not waits]
