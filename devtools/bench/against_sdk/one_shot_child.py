"""One export in one process, without a stack, measured as the SDK's is.

    python -m devtools.bench.against_sdk.one_shot_child ENDPOINT PROJECT_ID FORMAT TARGET

See `sdk_child`: the same input and the same answer. The limit of calls is out of reach.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import kili_export
from devtools.bench.measured import MERGED
from devtools.bench.processes import own_peak


def main(arguments: Sequence[str]) -> None:
    """Exports with the SDK's defaults, but without media."""
    endpoint, project_id, kind, target = arguments
    os.environ["KILI_REQUESTS_PER_MINUTE"] = "100000000"
    key = sys.stdin.readline().strip()
    layout = "merged" if kind in MERGED else "split"
    export = kili_export.export
    began, cpu_began = time.perf_counter(), time.process_time()
    export(
        project_id,
        kind,
        target,
        layout=layout,
        with_assets=False,
        api_key=key,
        api_endpoint=endpoint,
    )
    measured = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu_began,
        "waited": 0.0,
        "peak_memory": own_peak(),
        "bytes": Path(target).stat().st_size,
    }
    print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
