"""What other users of the machine, and pages in a browser, get from a running stack: nothing."""

import http.client
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.machine.state_files import SECRETS
from tests.support.local_stack import StackProcess
from tests.support.other_user import as_nobody

pytestmark = [
    pytest.mark.xdist_group("local_stack"),
    pytest.mark.skipif(
        not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens where"
    ),
]
_PATHS = (
    "/",
    "/kili-exports/",
    "/kili-exports/registrations/",
    "/buckets/kili-exports/",
    "/buckets/kili-exports/registrations/?pretty=y",
    "/dir/assign",
    "/dir/status",
    "/vol/status",
    "/status",
    "/ui/index.html",
    "/metrics",
    "/healthz",
    "/health",
    "/moto-api/reset",
    "/?Action=ListUsers&Version=2010-05-08",
)
_TARGETS = ("AWSStepFunctions.ListExecutions", "secretsmanager.ListSecrets")
_ANSWERS = frozenset({400, 401, 403, 404, 405, 411, 501})
"""Refusals. What may be answered otherwise is in `_HARMLESS`."""
_HARMLESS = frozenset(
    {
        # That the parts of the object store are there, and how full the disk is.
        ("master", "/"),
        ("master", "/ui/index.html"),
        ("volume", "/status"),
        ("s3", "/status"),
        *((part, "/healthz") for part in ("master", "volume", "filer", "s3")),
        # That the webhook's server is there.
        ("webhook", "/health"),
        ("webhook", "/healthz"),
    }
)


@dataclass
class Running:
    """A running stack, its listening ports by what they are for, and what nobody may get."""

    stack: StackProcess
    ports: dict[str, int]
    secrets: list[str] = field(repr=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("doors")
    # pytest's folders are closed to others; these are what is tried.
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    world = KiliWorld(api_key="kept-key")
    project = world.add_project(generate_project(seed=3, assets=2))
    with start_standin(world) as kili:
        stack = StackProcess(
            folder / "state", kili, world.api_key, variables={"STRAY_VARIABLE": "stray"}
        )
        stack.start()
        try:
            stack.answer("register", project.id, "--export", "raw=kili")
            stack.answer("wait", project.id)
            yield Running(stack, _ports(stack), _secrets(stack))
        finally:
            stack.discard()


def _ports(stack: StackProcess) -> dict[str, int]:
    """The ports that processes of the stack listen on, by name where it is known."""
    chosen = json.loads((stack.state / "s3" / "ports.json").read_bytes())
    names = {port: name for name, port in chosen.items()}
    webhook = int(stack.ready["webhook_url"].split(":")[2].split("/")[0])
    runner = int(stack.ready["stepfunctions_endpoint"].split(":")[2])
    names |= {webhook: "webhook", runner: "runner"}
    found = {}
    for port in _listening(_descendants(stack)):
        found[names.get(port, f"unknown {port}")] = port
    return found


def _descendants(stack: StackProcess) -> set[int]:
    assert stack.process is not None
    listed = subprocess.run(
        ("ps", "-A", "-o", "pid=,ppid="), capture_output=True, text=True, check=True
    )
    parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.stdout.splitlines())}
    found = {stack.process.pid}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _listening(processes: set[int]) -> set[int]:
    """The TCP ports that processes listen on, as Linux tells."""
    inodes = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
            except FileNotFoundError:
                continue  # closed meanwhile
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            listens = "0A"
            if columns[3] == listens and columns[9] in inodes:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports


def _secrets(stack: StackProcess) -> list[str]:
    stored = json.loads((stack.state / SECRETS).read_bytes())
    credentials = json.loads((stack.state / "credentials.json").read_bytes())
    environment = json.loads((stack.state / "stack.json").read_bytes())["environment"]
    token = environment["AWS_ENDPOINT_URL_SFN"].rpartition("/")[2]
    return [*stored.values(), credentials["secret_access_key"], token, "RegisteredProject"]


def _asked(ports: dict[str, int], headers: dict[str, str]) -> list[tuple[str, str, int, str]]:
    """Every port asked for every path: its name, the path, the status, what was answered."""
    answers = [
        (name, path, *_ask(port, "GET", path, headers))
        for name, port in ports.items()
        for path in _PATHS
    ]
    for target in _TARGETS:
        wire = {**headers, "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        answers += [
            (name, "/", *_ask(port, "POST", "/", wire, b"{}")) for name, port in ports.items()
        ]
    return answers


def _ask(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, str]:
    """Status 0 where no HTTP is spoken."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def _assert_nothing(running: Running, answers: Sequence[Sequence[Any]]) -> None:
    assert len(answers) > 100
    for name, path, status, body in answers:
        for secret in running.secrets:
            assert secret not in body, (name, path)
        if status and (name, path.partition("?")[0]) not in _HARMLESS:
            assert status in _ANSWERS, (name, path, status, body[:300])


def test_every_port_is_one_that_is_known(running: Running) -> None:
    parts = {"master", "volume", "filer", "s3"}
    expected = {"webhook", "runner", *parts, *(f"{part}.grpc" for part in parts)}
    assert set(running.ports) == expected


def test_another_user_gets_nothing_from_any_port(running: Running) -> None:
    _assert_nothing(running, as_nobody(lambda: _asked(running.ports, {})))


def test_a_page_in_a_browser_gets_nothing_from_any_port(running: Running) -> None:
    headers = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}
    _assert_nothing(running, _asked(running.ports, headers))


def test_a_page_that_knows_the_runners_address_gets_nothing(running: Running) -> None:
    path = f"/{running.secrets[-2]}"
    wire = {"X-Amz-Target": "AWSStepFunctions.ListExecutions"}
    arn = {"stateMachineArn": running.stack.ready["state_machine_arn"]}
    body = json.dumps(arn).encode()
    port = running.ports["runner"]
    assert _ask(port, "POST", path, wire, body)[0] == 200
    for headers in ({"Origin": "null"}, {"Host": f"rebound.example:{port}"}, {"Host": "localhost"}):
        assert _ask(port, "POST", path, {**wire, **headers}, body)[0] == 403


def test_the_parts_of_the_object_store_answer_no_stranger(running: Running) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    settings = 4
    for part in ("master", "volume", "filer", "s3"):
        with socket.create_connection(("127.0.0.1", running.ports[f"{part}.grpc"]), 10) as door:
            door.sendall(preface)
            try:
                answer = door.recv(9)
            except ConnectionResetError:
                answer = b""
        assert len(answer) < 9 or answer[3] != settings, f"{part} speaks without a certificate"


def test_another_user_reads_no_file_and_reaches_no_socket(running: Running) -> None:
    state = running.stack.state
    files = [str(one) for one in state.rglob("*")]
    assert len(files) > 20
    sockets = [str(one) for one in Path("/tmp").glob("seaweedfs-*.sock") if _is_ours(one, running)]

    def look() -> list[str]:
        found = [path for path in [str(state), *files] if os.access(path, os.R_OK | os.X_OK)]
        found += [path for path in files if os.access(path, os.R_OK)]
        return found + [path for path in sockets if os.access(path, os.W_OK)]

    assert as_nobody(look) == []


def _is_ours(path: Path, running: Running) -> bool:
    return any(path.stem.endswith(f"-{port}") for port in running.ports.values())


def test_files_and_folders_are_for_their_owner_alone(running: Running) -> None:
    for path in (running.stack.state, *running.stack.state.rglob("*")):
        mode = path.lstat().st_mode
        expected = {0o700} if stat.S_ISDIR(mode) else {0o600}
        if path.suffix == ".vif":
            # SeaweedFS sets the mode of these itself; their folder is closed.
            expected.add(0o644)
        assert stat.S_IMODE(mode) in expected, (path, oct(mode))


def test_up_prints_no_secret(running: Running) -> None:
    printed = json.dumps(running.stack.said)
    printed += (running.stack.state.parent / "up.log").read_text()
    assert running.stack.said["webhook_url"] in printed
    assert not [one for one in running.secrets if one in printed]


def test_no_command_line_holds_a_secret(running: Running) -> None:
    for pid in _descendants(running.stack):
        told = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert not [one for one in running.secrets if one in told], pid


def test_children_get_no_variable_that_nobody_chose_for_them(running: Running) -> None:
    assert running.stack.process is not None
    children = _descendants(running.stack) - {running.stack.process.pid}
    assert len(children) > 5
    for pid in children:
        names = {
            one.partition("=")[0]
            for one in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        }
        assert "STRAY_VARIABLE" not in names
        assert "KILI_API_KEY" not in names
