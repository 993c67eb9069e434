"""The process that holds DynamoDB, Secrets Manager, EventBridge, SQS and CloudFormation in memory.

Started by `moto_server.py` as `python -m tests.support.moto_child`. Prints its port, then serves.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from kili_export.local.stack.lifeline import end_with_parent

Answer = Callable[[dict[str, Any], Any], Iterable[bytes]]


class OneAtATime:
    """Serves requests side by side, but those to DynamoDB one after another.

    Every operation of DynamoDB on an item is atomic. moto changes an item attribute by attribute,
    so that a reader on another thread could see it half changed. Other services are not held up:
    a request to SQS may wait for messages.
    """

    def __init__(self, application: Answer) -> None:
        self._application = application
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The answer to a request, as WSGI (PEP 3333) has it."""
        if not str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith("DynamoDB_"):
            return self._application(environ, start_response)
        with self._turn:
            return list(self._application(environ, start_response))


def main() -> None:
    """Serves until the stack ends it."""
    end_with_parent()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
