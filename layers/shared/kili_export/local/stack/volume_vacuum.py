"""Rewrites SeaweedFS's volumes without the bytes of deleted objects."""

import mmap
import os
import subprocess
import time
from pathlib import Path
from typing import Final

from kili_export.core.errors import Unavailable
from kili_export.local.stack.certificate import grpc_variables
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.seaweed import shell_command
from kili_export.storage.object_store import ObjectStore

_PROBE: Final = "purge-probe"
_PROBE_BYTES: Final = 4096
_TRIES: Final = 60
_PAUSE_SECONDS: Final = 1.0
# A threshold of 0 means the default. So small a share of garbage is less than any object.
_SCRIPT: Final = b"lock\nvolume.vacuum -garbageThreshold 0.000000001\nunlock\nexit\n"


def vacuum(data_dir: Path, objects: ObjectStore) -> None:
    """Returns when no volume holds bytes of an object that was deleted before the call.

    SeaweedFS gives volumes up to a queue, in order, some time after it answered a deletion. So a
    probe is stored and deleted here: when its bytes are gone, those of earlier deletions are.
    Raises Unavailable when they stay.
    """
    probe = os.urandom(_PROBE_BYTES)
    objects.put(_PROBE, probe, content_type="application/octet-stream")
    volumes = [path for path in data_dir.glob("*.dat") if _holds(path, probe)]
    objects.delete([_PROBE])
    answer = "the probe is in no volume"
    for _ in range(_TRIES if volumes else 0):
        answer = _run_shell(data_dir)
        if not any(_holds(path, probe) for path in volumes):
            # Other volumes may have had their turn before the queue came to their objects.
            _run_shell(data_dir)
            return
        time.sleep(_PAUSE_SECONDS)
    raise Unavailable(
        f"The volumes in {data_dir} still hold bytes of what was erased ({answer}). Purge again."
    )


def _run_shell(data_dir: Path) -> str:
    done = subprocess.run(
        shell_command(data_dir),
        input=_SCRIPT,
        env={**process_environment(), **grpc_variables(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"status {done.returncode}"


def _holds(path: Path, wanted: bytes) -> bool:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(wanted) >= 0
    except FileNotFoundError:
        return False
    except ValueError:
        # An empty file cannot be mapped.
        return False
