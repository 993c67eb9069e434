"""Runs SAM's build, in an environment of its own."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.build.interpreter import find_python

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-sam"
ARTIFACTS = ROOT / ".aws-sam" / "build"


class BuildFailed(Exception):
    """A step of the build failed; the message holds what it printed."""


def build_artifacts(target: Path = ARTIFACTS) -> Path:
    """Builds every function and layer into the folder `target`, and returns it.

    What did not change since the last time is taken from SAM's cache. Raises PythonNotFound and
    BuildFailed.
    """
    with _alone():
        _prepare_environment()
        sam = ENVIRONMENT / "bin" / "sam"
        _run([sam, "build", "--cached", "--build-dir", target], "sam build")
        for folder in sorted(path for path in target.iterdir() if path.is_dir()):
            _compile(folder)
    return target


def emulator() -> Path:
    """The runtime interface emulator that comes with SAM, for this machine's processor."""
    architecture = "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64"
    found = ENVIRONMENT.glob(
        f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture}"
    )
    return next(found)


def _prepare_environment() -> None:
    pins = ROOT / "requirements" / "sam.txt"
    ready = ENVIRONMENT / ".ready"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if ready.is_file() and ready.read_text() == digest:
        return
    python = find_python()
    _say(f"Setting up {ENVIRONMENT.name} with {python} (once, about a minute)")
    _run([python, "-m", "venv", "--clear", ENVIRONMENT], "making the environment")
    pip: list[str | Path] = [
        ENVIRONMENT / "bin" / "python",
        "-m",
        "pip",
        "--disable-pip-version-check",
    ]
    # The pins are complete: nothing is looked for besides. Some versions of pip, which do look,
    # take the extra of a pinned package for one that is not pinned once there is a newer version.
    complete = ["--no-deps", "--require-hashes"]
    _run([*pip, "install", "--quiet", *complete, "-r", pins], "installing SAM")
    ready.write_text(digest)


def _compile(folder: Path) -> None:
    """Puts bytecode beside the sources, under the paths that they will have on Lambda.

    Lambda's file systems are read-only, so that Python would compile everything again at each
    cold start: that is more than half of its time. The sources never change after the build, so
    nothing has to be compared with them.
    """
    mounted = "/opt" if (folder / "python").is_dir() else "/var/task"
    _run(
        [
            *(ENVIRONMENT / "bin" / "python", "-m", "compileall", "-q", "-j", "0"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", folder, "-p", mounted, folder),
        ],
        f"compiling {folder.name}",
    )


def _run(command: list[str | Path], step: str) -> None:
    # SAM looks for the functions' Python on the PATH: the environment's own is first.
    environment = {
        **os.environ,
        "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": os.environ.get(
            "AWS_REGION", os.environ.get("AWS_DEFAULT_REGION", "eu-west-1")
        ),
    }
    # What surrounds this process must not shine through into the environment.
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYENV_VERSION"):
        environment.pop(name, None)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(f"{step} failed with status {done.returncode}:\n{done.stdout}")


@contextmanager
def _alone() -> Iterator[None]:
    """Keeps two builds of one checkout apart."""
    lock = ROOT / ".aws-sam" / "lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
