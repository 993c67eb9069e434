"""One step of the growth benchmark, in a process of its own.

    python -m local.bench.growth_child batches RUN FIRST COUNT VERSION   # a JSON line each
    python -m local.bench.growth_child publish                           # a request on its input

The bucket is that of the environment, as for the functions. `publish` prints what the use case
used: seconds, also of a core, requests, bytes, and the peak memory of this process.
"""

import json
import sys
import time
from collections.abc import Sequence

from kili_export import bootstrap
from kili_export.contracts.workflow import AggregateRequest
from local.bench.growth_project import batches, write_batch
from local.bench.processes import own_peak


def main(arguments: Sequence[str]) -> None:
    """Does what the first argument says."""
    if arguments[0] == "batches":
        run_id, first, count, version = arguments[1], *map(int, arguments[2:])
        objects = bootstrap.application().objects
        for numbers in batches(count):
            moved = range(first + numbers.start, first + numbers.stop)
            print(write_batch(objects, run_id, moved, version), flush=True)
        return
    request = AggregateRequest.model_validate_json(sys.stdin.read())
    began = time.process_time()
    answer = bootstrap.aggregate_archive()(request)
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
