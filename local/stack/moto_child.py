"""The process that holds DynamoDB, Secrets Manager, EventBridge, SQS and CloudFormation in memory.

Started by `moto_server.py` as `python -m local.stack.moto_child`. Prints its port, then serves.
"""

import logging
import threading

from moto.server import ThreadedMotoServer

from local.stack.lifeline import end_with_parent


def main() -> None:
    """Serves until the stack ends it."""
    end_with_parent()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    print(port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
