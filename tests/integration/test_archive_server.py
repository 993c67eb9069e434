"""The S3 server of a local stack: what is written stays, and it never outlives the stack."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.seaweed import SeaweedServer

STACK = """
import sys
from pathlib import Path
from kili_export.local.stack.seaweed import SeaweedServer
server = SeaweedServer(Path(sys.argv[1]), bucket="kept", access_key_id="k", secret_access_key="s")
server.start()
server.client().put_object(Bucket="kept", Key="a/b", Body=b"written before the crash")
print(server._child.process.pid, flush=True)
sys.stdin.read()
"""


def on(folder: Path, bucket: str = "kept") -> SeaweedServer:
    return SeaweedServer(folder, bucket=bucket, access_key_id="k", secret_access_key="s")


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a process as Linux does")
def test_a_killed_stack_takes_its_server_along_and_loses_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STACK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stack:
        assert stack.stdout is not None
        guard = int(stack.stdout.readline())
        os.kill(stack.pid, signal.SIGKILL)
    wait_for_end(guard)

    server = on(tmp_path)
    server.start()
    try:
        answer = server.client().get_object(Bucket="kept", Key="a/b")
        assert answer["Body"].read() == b"written before the crash"
    finally:
        server.stop()
    assert not server.is_alive()


def wait_for_end(pid: int) -> None:
    """Waits for a process that is not a child of this one."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], 30)
    finally:
        os.close(descriptor)
    assert ended, "the server outlived its stack"


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "filerldb2").write_text("in the way of a folder")
    with pytest.raises(ServerDidNotStart, match=r"weed\.log"):
        on(tmp_path).start()
