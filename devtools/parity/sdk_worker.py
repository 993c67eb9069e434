"""Exports projects with Kili's own SDK, one after another, in a process of its own.

    python -m devtools.parity.sdk_worker ENDPOINT

Reads one JSON object a line: first `{"api_key": ...}`, then `{"project_id", "target", "arguments"}`
with the arguments of `kili.export_labels`. Answers each with `{"outcome": ..., "message": ...}`:
`written`, `nothing` (the SDK warned and wrote no file) or `failed`.
"""

import io
import json
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str]) -> None:
    """Serves until its input ends."""
    # The SDK would ask its package index for a newer version of itself.
    os.environ["KILI_SDK_SKIP_CHECKS"] = "1"
    warnings.simplefilter("ignore")
    from kili.client import Kili  # noqa: PLC0415 it reads the environment when imported
    from kili.core.graphql import graphql_client  # noqa: PLC0415

    # The SDK keeps to what Kili's server stands; this one takes any number of calls.
    graphql_client._limiter.try_acquire = lambda *_, **__: True  # noqa: SLF001
    kili = Kili(
        api_endpoint=arguments[0],
        api_key=json.loads(sys.stdin.readline())["api_key"],
        disable_tqdm=True,
        graphql_client_params={"enable_schema_caching": False},
    )
    for line in sys.stdin:
        answer = _export(kili, json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _export(kili: Any, request: dict[str, Any]) -> dict[str, str]:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            kili.export_labels(request["project_id"], request["target"], **request["arguments"])
        except Exception as error:  # noqa: BLE001 whatever the SDK raises is its answer
            return {"outcome": "failed", "message": f"{type(error).__name__}: {error}"}
    written = Path(request["target"]).exists()
    return {"outcome": "written" if written else "nothing", "message": ""}


if __name__ == "__main__":
    main(sys.argv[1:])
