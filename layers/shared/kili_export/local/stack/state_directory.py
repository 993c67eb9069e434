"""The state directory of a local stack: what survives it, and how the commands find it."""

import fcntl
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from kili_export.cli.stack_connection import StackNotRunning
from kili_export.core.errors import InvalidConfiguration
from kili_export.local.stack.private_files import FOLDER_MODE, make_private, write_private
from kili_export.machine.state_files import DATABASE, OBJECTS, SECRETS

_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_SECONDS = 0.05
LOCK: Final = "lock"
STATE_VARIABLE = "KILI_EXPORT_STATE"


class StateInUse(InvalidConfiguration):
    """Another stack runs on this state directory."""


def default_state() -> Path:
    """`KILI_EXPORT_STATE`, or the place that the XDG rules give for a program's state."""
    given = os.environ.get(STATE_VARIABLE)
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state", "kili-export")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Made once for a state directory. `webhook_secret` is what Kili sends as Authorization."""

    access_key_id: str
    secret_access_key: str
    webhook_secret: str

    def is_webhook_secret(self, given: str) -> bool:
        """Whether that is the webhook's secret. The time that it takes does not tell."""
        return hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), self.webhook_secret.encode()
        )

    @classmethod
    def random(cls) -> "Credentials":
        """New ones, of the shape that AWS's have."""
        return cls(
            "AKIA" + secrets.token_hex(8).upper(),
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(32),
        )


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What a running stack tells the commands. `environment` is that of its functions.

    `page_url` shows all exports to who knows it; stacks of version 0.1 have none.
    """

    pid: int
    webhook_url: str
    webhook_secret: str
    s3_endpoint: str
    stepfunctions_endpoint: str
    bucket: str
    region: str
    aws_access_key_id: str
    aws_secret_access_key: str
    state_dir: str
    table: str
    state_machine_arn: str
    event_bus: str
    kili_api_endpoint: str
    page_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class StateDirectory:
    """Paths and small files of one state directory, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        # Not Path.resolve, which raises RuntimeError for a link that leads to itself.
        self.path = Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111
        self._lock: IO[bytes] | None = None

    @property
    def objects(self) -> Path:
        """What S3 holds."""
        return self.path / OBJECTS

    @property
    def database(self) -> Path:
        """Pending changes, leases, budgets and announcements."""
        return self.path / DATABASE

    @property
    def executions(self) -> Path:
        """What the workflow runner keeps."""
        return self.path / "executions"

    @property
    def former_journal(self) -> Path:
        """The accepted events that a former version had not published yet."""
        return self.path / "journal.jsonl"

    @property
    def logs(self) -> Path:
        """What the functions and the servers print."""
        return self.path / "logs"

    def acquire(self) -> None:
        """Makes this process the only one that runs a stack here. Raises StateInUse.

        The lock ends with the process, however that ends. Raises InvalidConfiguration when the
        directory cannot be written.
        """
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._refuse_foreign()
            lock = (self.path / LOCK).open("ab")
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._take(lock)
            # Not before: the stack that runs replaces its files meanwhile.
            make_private(self.path)
        except OSError as error:
            lock.close()
            raise self._unusable(error) from error
        except StateInUse:
            lock.close()
            raise
        self._lock = lock

    def _take(self, lock: IO[bytes]) -> None:
        for _ in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A command that only looks whether a stack runs holds it for a moment.
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                return
        raise StateInUse(
            f"A stack is already running on {self.path}; stop it, or give another --state."
        )

    def _unusable(self, error: OSError) -> InvalidConfiguration:
        return InvalidConfiguration(
            f"The state cannot be kept in {self.path} ({_reason(error)}); give another --state."
        )

    def _refuse_foreign(self) -> None:
        """Raises InvalidConfiguration for a directory that is not for a stack to change.

        Another user could replace what is in theirs; files of other programs are not ours to hide.
        """
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise InvalidConfiguration(
                f"{self.path} belongs to another user ({owner}); give another --state."
            )
        names = {one.name for one in self.path.iterdir()}
        if names and LOCK not in names:
            raise InvalidConfiguration(
                f"{self.path} is not empty and no stack's; give an empty directory as --state."
            )

    def release(self) -> None:
        """Lets another process run a stack here."""
        (self.path / "stack.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def credentials(self) -> Credentials:
        """Those of this directory, made the first time."""
        path = self.path / "credentials.json"
        if not path.exists():
            write_private(path, _json(asdict(Credentials.random())))
        return Credentials(**json.loads(path.read_bytes()))

    def keep_secrets(self, values: Mapping[str, str]) -> None:
        """Stores the secrets that the functions read, by their names."""
        write_private(self.path / SECRETS, _json(dict(values)))

    def announce(self, stack: RunningStack) -> None:
        """Tells the commands where the stack is."""
        write_private(self.path / "stack.json", _json(asdict(stack)))

    def running(self) -> RunningStack:
        """The stack that runs here. It is looked for without writing anything.

        Raises StackNotRunning, also when the directory cannot be read.
        """
        try:
            stack = self._announced()
        except OSError as error:
            raise StackNotRunning(
                f"The state directory {self.path} cannot be read ({_reason(error)}). Give the "
                "directory of a running stack with --state, or name a deployed one with "
                "--stack-name."
            ) from error
        if stack is None:
            raise StackNotRunning(
                f"No stack is running on {self.path}. Start one with `kili-export up --state "
                f"{self.path}`, or name a deployed one with --stack-name."
            )
        return stack

    def _announced(self) -> RunningStack | None:
        try:
            stack = RunningStack(**json.loads((self.path / "stack.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return stack if self._is_held() else None

    def _is_held(self) -> bool:
        """Whether some process runs a stack here: after `kill -9` its file is still there."""
        try:
            # A lock needs no right to write: the state of another user may be read only.
            with (self.path / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode()


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "it is not a directory"
    return error.strerror or str(error)
