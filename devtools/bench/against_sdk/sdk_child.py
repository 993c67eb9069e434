"""One export by Kili's own SDK, in a process of its own, measured.

    python -m devtools.bench.against_sdk.sdk_child ENDPOINT PROJECT_ID FORMAT TARGET

The API key is read from standard input. Prints one JSON object: `seconds` from the call to its
end, of which `waited` in the SDK's own rate limiter, `cpu` in seconds of a core, `peak_memory` and
the archive's `bytes`.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from devtools.bench.measured import MERGED
from devtools.bench.processes import own_peak


def main(arguments: Sequence[str]) -> None:
    """Exports with the SDK's defaults, but without media."""
    endpoint, project_id, kind, target = arguments
    # The SDK would ask its package index for a newer version of itself.
    os.environ["KILI_SDK_SKIP_CHECKS"] = "1"
    warnings.simplefilter("ignore")
    from kili.client import Kili  # noqa: PLC0415 it reads the environment when imported
    from kili.core.graphql import graphql_client  # noqa: PLC0415

    waits = _Waits(graphql_client._limiter.try_acquire)  # noqa: SLF001 it has no other name
    graphql_client._limiter.try_acquire = waits  # noqa: SLF001
    kili = Kili(
        api_endpoint=endpoint,
        api_key=sys.stdin.readline().strip(),
        disable_tqdm=True,
        graphql_client_params={"enable_schema_caching": False},
    )
    layout = "merged" if kind in MERGED else "split"
    began, cpu_began = time.perf_counter(), time.process_time()
    # What it tells people is not what its parent reads.
    with redirect_stdout(sys.stderr), redirect_stderr(sys.stderr):
        kili.export_labels(project_id, target, kind, layout=layout, with_assets=False)
    measured = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu_began,
        "waited": waits.seconds,
        "peak_memory": own_peak(),
        "bytes": Path(target).stat().st_size,
    }
    print(json.dumps(measured), flush=True)


class _Waits:
    """The SDK's limiter with a stopwatch."""

    def __init__(self, acquire: Callable[..., Any]) -> None:
        self._acquire = acquire
        self.seconds = 0.0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._acquire(*arguments, **named)
        finally:
            self.seconds += time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])
