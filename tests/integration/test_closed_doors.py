"""What other users of the machine, and pages in a browser, get from a running stack: nothing."""

import http.client
import json
import os
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.local.stack.certificate import grpc_environment, grpc_variables
from kili_export.machine.state_files import SECRETS
from tests.support.local_stack import StackProcess
from tests.support.other_user import as_nobody

pytestmark = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens where"
)
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
    "/?metadata=true",
    "/?pretty=y&recursive=true",
    "/cluster/status",
    "/cluster/healthz",
    "/col/delete?collection=kili-exports",
    "/debug/pprof/",
    "/debug/vars",
    "/delete?fid=1,01637037d6",
    "/1,01637037d6",
    "/1/01637037d6/x?readDeleted=true",
    "/admin/assign_volume?volume=9",
    "/dir/lookup?volumeId=1",
    "/etc/iam/identity.json",
    "/raft/status",
    "/stats/counter",
    "/stats/disk",
    "/stats/memory",
    "/submit",
    "/topics/",
    "/vol/grow?count=1",
    "/vol/vacuum",
    "/kili-exports?policy",
    "/kili-exports?list-type=2",
    "/kili-exports?uploads",
    "/kili-exports?versions",
    "/kili-exports/exports/stray",
    "/webhooks/kili",
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
_FORMS = ("Action=CreateUser&UserName=x", "Action=CreateAccessKey", "Action=AssumeRole")
_TARGETS = ("AWSStepFunctions.ListExecutions", "secretsmanager.ListSecrets")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The beginning of HTTP/2, with settings that change none."""
_ANSWERS = frozenset({400, 401, 403, 404, 405, 411, 501})
"""Refusals. What may be answered otherwise is in `_HARMLESS`."""
_HARMLESS = frozenset(
    {
        # That the parts of the object store are there, and how full the disk is.
        ("master", "/"),
        ("master", "/ui/index.html"),
        ("master", "/cluster/status"),
        ("master", "/cluster/healthz"),
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
    proxied: list[str] = field(default_factory=list)
    """What came to the proxy that the stack's environment names."""


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    # pytest's folders are closed to others, which closes whatever is in them: none of them.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[Running]:
    world = KiliWorld(api_key="kept-key")
    project = world.add_project(generate_project(seed=3, assets=2))
    proxied: list[str] = []
    with start_standin(world) as kili, _proxy(proxied) as proxy:
        variables = {"STRAY_VARIABLE": "stray"} | dict.fromkeys(_PROXIES, proxy)
        stack = StackProcess(folder / "state", kili, world.api_key, variables=variables)
        stack.start()
        try:
            stack.answer("register", project.id, "--export", "raw=kili")
            stack.answer("wait", project.id)
            yield Running(stack, _ports(stack), _secrets(stack), proxied)
        finally:
            stack.discard()


@contextmanager
def _proxy(proxied: list[str]) -> Iterator[str]:
    """A proxy that notes the addresses that it is asked for, and answers none of them."""

    class Refusing(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            parsed = super().parse_request()
            proxied.append(self.path)
            if parsed:
                self.send_error(502)
            return False

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def _ports(stack: StackProcess) -> dict[str, int]:
    """The ports that processes of the stack listen on, by name where it is known."""
    chosen = json.loads((stack.state / "s3" / "ports.json").read_bytes())
    names = {port: name for name, port in chosen.items()}
    webhook = int(stack.ready["webhook_url"].split(":")[2].split("/")[0])
    runner = int(stack.ready["stepfunctions_endpoint"].split(":")[2])
    pages = int(stack.ready["page_url"].split(":")[2].split("/")[0])
    names |= {webhook: "webhook", runner: "runner", pages: "pages"}
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


def _opened(processes: set[int]) -> dict[str, int]:
    """What processes have open: files by their path, sockets by their number; with its flags."""
    opened = {}
    for pid in processes:
        for link in _listed(Path(f"/proc/{pid}/fd")):
            try:
                target = str(link.readlink())
                told = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
            except FileNotFoundError:
                continue  # closed meanwhile
            opened[target.removeprefix("socket:[").removesuffix("]")] = int(told.split()[3], 8)
    return opened


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing in that of a process that ended meanwhile."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _unix_sockets(processes: set[int]) -> list[str]:
    """The addresses of the Unix sockets that processes listen on; abstract ones begin with @."""
    inodes = _opened(processes)
    accepts = 0x10000
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [row[7] for row in lines if int(row[3], 16) & accepts and row[6] in inodes]


def _listening(processes: set[int]) -> set[int]:
    """The TCP ports that processes listen on, and UDP ports that they have, as Linux tells."""
    inodes = _opened(processes)
    ports = set()
    for table, listens in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == listens and columns[9] in inodes:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports


def _secrets(stack: StackProcess) -> list[str]:
    stored = json.loads((stack.state / SECRETS).read_bytes())
    credentials = json.loads((stack.state / "credentials.json").read_bytes())
    environment = json.loads((stack.state / "stack.json").read_bytes())["environment"]
    token = environment["AWS_ENDPOINT_URL_SFN"].rpartition("/")[2]
    page = stack.ready["page_url"].split("/")[-2]
    key = credentials["secret_access_key"]
    return [*stored.values(), key, page, token, "RegisteredProject"]


def _asked(ports: dict[str, int], headers: dict[str, str]) -> list[tuple[str, str, int, str]]:
    """Every port asked for every path: its name, the path, the status, what was answered."""
    answers = [
        (name, path, *_ask(port, method, path, headers, b"x" if method == "PUT" else None))
        for name, port in ports.items()
        for path in _PATHS
        for method in _METHODS
    ]
    for target in _TARGETS:
        wire = {**headers, "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        answers += [
            (name, "/", *_ask(port, "POST", "/", wire, b"{}")) for name, port in ports.items()
        ]
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    for body in _FORMS:
        answers += [
            (name, "/", *_ask(port, "POST", "/", form, body.encode()))
            for name, port in ports.items()
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
    expected = {"webhook", "runner", "pages", *parts, *(f"{part}.grpc" for part in parts)}
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


def test_a_page_that_knows_the_address_of_all_exports_gets_nothing(running: Running) -> None:
    port, path = running.ports["pages"], f"/{running.secrets[-3]}/"
    status, listed = _ask(port, "GET", path, {})
    assert (status, "/raw/overview" in listed) == (200, True)
    for host in (f"rebound.example:{port}", "localhost", f"localhost:{port}", "127.0.0.1"):
        assert _ask(port, "GET", path, {"Host": host})[0] == 403


def test_the_parts_of_the_object_store_answer_no_stranger(running: Running) -> None:
    settings = 4
    for part in ("master", "volume", "filer", "s3"):
        with socket.create_connection(("127.0.0.1", running.ports[f"{part}.grpc"]), 10) as door:
            door.sendall(_PREFACE)
            try:
                answer = door.recv(9)
            except ConnectionResetError:
                answer = b""
        assert len(answer) < 9 or answer[3] != settings, f"{part} speaks without a certificate"


@pytest.mark.parametrize("has_a_certificate", [False, True])
def test_they_answer_nobody_whose_certificate_they_did_not_make(
    running: Running, has_a_certificate: bool, tmp_path: Path
) -> None:
    stranger = grpc_environment(tmp_path) if has_a_certificate else {}
    for part in ("master", "volume", "filer", "s3"):
        port = running.ports[f"{part}.grpc"]
        assert _greeting(port, grpc_variables(running.stack.state / "s3")) != b""
        assert _greeting(port, stranger) == b"", f"{part} speaks to a stranger"


def _greeting(port: int, certificate: Mapping[str, str]) -> bytes:
    """What a gRPC server sends first, to who has this certificate, or none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if certificate:
        named = certificate["WEED_GRPC_CLIENT_CERT"], certificate["WEED_GRPC_CLIENT_KEY"]
        context.load_cert_chain(*named)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain) as door,
        ):
            door.sendall(_PREFACE)
            return door.recv(9)
    except OSError:
        return b""


def test_another_user_reads_no_file_and_reaches_no_socket(running: Running) -> None:
    state = running.stack.state
    files = [str(one) for one in (state, *state.rglob("*"))]
    opened = _opened(_descendants(running.stack))
    # What they write lies elsewhere too, such as temporary files of the functions.
    files += [path for path, flags in opened.items() if flags & os.O_ACCMODE and _is_file(path)]
    files += [
        f"/proc/{pid}/{name}"
        for pid in _descendants(running.stack)
        for name in ("environ", "maps", "mem", "fd", "cwd/")
    ]
    sockets = _unix_sockets(_descendants(running.stack))
    assert len(files) > 50

    def look() -> list[str]:
        found = [path for path in files if _may_be_opened(path)]
        return found + [address for address in sockets if _answers(address)]

    assert as_nobody(look) == []


def _is_file(path: str) -> bool:
    return path.startswith("/") and not path.startswith("/dev/") and Path(path).is_file()


def _may_be_opened(path: str) -> bool:
    """Whether anything of it can be had, or changed. What /proc shows must be tried."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return os.access(path, os.W_OK)
    return True


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect("\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return False
    return True


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


def test_nothing_that_stays_on_the_machine_goes_through_a_proxy(running: Running) -> None:
    assert running.proxied == []


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
