"""One step of the growth benchmark, in a process of its own.

    python -m devtools.bench.growth.child batches RUN FIRST COUNT VERSION   # a JSON line each
    python -m devtools.bench.growth.child publish                           # a request on its input

The bucket is that of the environment, as for the functions. `publish` prints what the use case
used: seconds, also of a core, requests, bytes, and the peak memory of this process.
"""

import json
import sys
import time
from collections.abc import Sequence

from devtools.bench.growth.project import batches, write_batch
from devtools.bench.processes import own_peak
from kili_export.runs.messages import AggregateRequest
from kili_export.wiring.application import application
from kili_export.wiring.publishing import aggregate_archive


def main(arguments: Sequence[str]) -> None:
    """Does what the first argument says."""
    if arguments[0] == "batches":
        run_id, first, count, version = arguments[1], *map(int, arguments[2:])
        objects = application().objects
        for numbers in batches(count):
            moved = range(first + numbers.start, first + numbers.stop)
            print(write_batch(objects, run_id, moved, version), flush=True)
        return
    request = AggregateRequest.model_validate_json(sys.stdin.read())
    began = time.process_time()
    answer = aggregate_archive(application())(request)
    told = {
        "status": answer.status,
        "members": answer.members,
        "size": answer.size,
        "spent": answer.spent.model_dump(mode="json"),
        "cpu": time.process_time() - began,
        "peak_memory": own_peak(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
