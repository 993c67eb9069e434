"""The wheel, installed elsewhere: every command with the base alone, then `demo` with its extra."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from tests.support.every_command import ALL
from tests.support.local_stack import StackProcess
from tests.support.template_document import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MEGABYTES = 80
"""What the base may need on disk."""
_OURS = Path(sysconfig.get_path("purelib"))
_ONE_AFTER_THE_OTHER = """
import json, sys
from kili_export.local.main import main
for words in json.load(sys.stdin):
    print(*words)
    if status := main(words):
        sys.exit(status)
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that only the wheel is installed in, and an empty folder to work in."""

    folder: Path
    wheel: Path
    work: Path

    def install(self, extra: str = "") -> None:
        """Adds the wheel, what it says it needs, and nothing else, as the lock file pins them."""
        pip = (sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"))
        offline = ("--no-deps", "--no-index", "--force-reinstall", "--no-warn-script-location")
        subprocess.run(
            (*pip, "install", "--quiet", *offline, str(self.wheel)), check=True, timeout=300
        )
        for file in _files_of(_needed(_metadata(self.wheel), extra)):
            # A link, by the way from the one folder of packages: programs are outside of it.
            place = Path(os.path.normpath(self.packages / file))
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.symlink_to(os.path.normpath(_OURS / file))

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def command(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Runs `kili-export` of the wheel."""
        return self._run("kili-export", *words, **variables)

    def commands(self, *all_words: Sequence[str], **variables: str) -> None:
        """Runs commands one after the other in one interpreter. Each has to succeed."""
        program = ("python", "-P", "-c", _ONE_AFTER_THE_OTHER)
        done = self._run(*program, given=json.dumps(all_words), **variables)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    def first_line(self, *words: str) -> str:
        """What a command prints first that serves until it is stopped, which it then is."""
        with subprocess.Popen(
            (str(self.folder / "bin" / "kili-export"), *words),
            cwd=self.work,
            env=_environment({"PYTHONUNBUFFERED": "1"}),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            # Not Ctrl+C: who starts the tests in the background has its children ignore that.
            process.terminate()
        return line

    def megabytes(self) -> float:
        """What the packages take on disk, with their compiled modules."""
        return sum(file.stat().st_size for file in self.packages.rglob("*") if file.is_file()) / 1e6

    def _run(
        self, program: str, *words: str, given: str = "", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (str(self.folder / "bin" / program), *words),
            cwd=self.work,
            env=_environment(variables),
            input=given,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def _metadata(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        stated = message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    return list(map(Requirement, stated))


def _needed(stated: Iterable[Requirement], extra: str = "") -> Iterator[str]:
    """The distributions that these requirements ask for, and what those ask for, each once."""
    found, waiting = set[tuple[str, str]](), [(one, extra) for one in stated]
    while waiting:
        one, wanted = waiting.pop()
        if one.marker and not one.marker.evaluate({"extra": wanted}):
            continue
        for more in ("", *sorted(one.extras)):
            if (one.name, more) not in found:
                found.add((one.name, more))
                needs = distribution(one.name).requires or []
                waiting += [(Requirement(need), more) for need in needs]
    yield from sorted({name for name, _ in found})


def _files_of(distributions: Iterable[str]) -> Iterator[str]:
    for name in distributions:
        yield from map(str, distribution(name).files or [])


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    others = ("PYTHON", "KILI", "AWS", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, **variables}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir")
    subprocess.run((sys.executable, *build, str(folder), str(ROOT)), check=True, timeout=300)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    work = tmp_path_factory.mktemp("work")
    # A module of the user's with a name that the library uses hides nothing.
    (work / "json.py").write_text("raise SystemExit('the working directory was imported')")
    environment = Environment(folder, wheel, work)
    environment.install()
    return environment


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    world = KiliWorld(api_key="site-key")
    world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(tmp_path_factory.mktemp("stack") / "state", kili, world.api_key)
        stack.start()
        try:
            yield stack
        finally:
            stack.discard()


PROJECT = sample_project().id


def test_the_wheel_has_one_package_and_what_up_runs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {one for one in tops if not one.endswith(".dist-info")} == {"kili_export"}
    data = {
        name.partition("/local/application/")[2] for name in names if "/local/application/" in name
    }
    deployed = {
        str(path.relative_to(ROOT))
        for folder in ("functions", "statemachine")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert data == {"template.yaml", *deployed}


def test_the_base_is_small(installed: Environment) -> None:
    assert installed.megabytes() < MEGABYTES


IN_THIS_ORDER: Mapping[str, tuple[str, ...]] = {
    "register": (PROJECT, "--file", "exports.yaml"),
    "wait": (PROJECT,),
    "run": (PROJECT, "--wait"),
    "reconcile": (PROJECT,),
    "retry": (PROJECT,),
    "status": (PROJECT,),
    "doctor": (PROJECT,),
    "cost": (PROJECT,),
    "deliveries": (PROJECT,),
    "credentials": (),
    "backup": ("backup",),
    "pull": (PROJECT, "yolo", "--output", "yolo.zip"),
    "sync": (PROJECT, "yolo", "folder"),
    "report": (PROJECT, "yolo"),
    "snapshot": (PROJECT, "yolo", "v1"),
    "snapshots": (PROJECT, "yolo"),
    "history": (PROJECT, "yolo"),
    "diff": (PROJECT, "yolo", "v1", "v1"),
    "assets": (PROJECT, "--output", "assets.jsonl"),
    "labels": (PROJECT, "--output", "labels.jsonl"),
    "export": (PROJECT, "--format", "yolo_v8", "--output", "once.zip"),
    "webhook install": (PROJECT,),
    "webhook remove": (PROJECT,),
    "unregister": (PROJECT,),
}
"""Every command that needs a stack of either kind, with what it is given."""
ALONE = {"export"}
"""Of these, the commands that need no stack at all."""
OF_A_DEPLOYED_STACK = {"restore", "teardown"}
OF_THE_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "up": (),
    "demo": (),
    # It erases on the disk what SeaweedFS keeps of deleted objects.
    "purge": (PROJECT, "yolo", "--yes"),
}


def test_every_command_is_tried() -> None:
    tried = {"view", "confirm", "release", *IN_THIS_ORDER, *OF_A_DEPLOYED_STACK, *OF_THE_EXTRAS}
    assert tried == {one.name for one in ALL}


def test_every_command_works_with_the_base_alone(
    installed: Environment, stack: StackProcess
) -> None:
    exports = "exports:\n  - {name: yolo, format: yolo_v8, compatibility: corrected}\n"
    (installed.work / "exports.yaml").write_text(exports)
    kili = {
        name: value for name, value in stack.environment.items() if name.startswith("KILI_API_")
    }
    state = ("--state", str(stack.state))
    everything = [
        (*name.split(), *words, *(() if name in ALONE else state))
        for name, words in IN_THIS_ORDER.items()
    ]
    installed.commands(*everything[:-1], **kili)
    assert "http://127.0.0.1:" in installed.first_line("view", PROJECT, "yolo", *state)
    done = installed.command("confirm", PROJECT, *state)
    assert done.returncode == ExitCode.USAGE, "there is nothing to confirm"
    done = installed.command("release", PROJECT, "yolo", *state)
    assert done.returncode == ExitCode.USAGE, "nothing is held back"
    installed.commands(everything[-1], **kili)
    for name in OF_A_DEPLOYED_STACK:
        done = installed.command(name, "--stack-name", "none")
        assert done.returncode == ExitCode.USAGE, f"{name}: {done.stdout}{done.stderr}"
        assert done.stderr.startswith("kili-export: No AWS region is set; ")


def test_what_the_base_cannot_do_names_the_way_out(
    installed: Environment, stack: StackProcess
) -> None:
    state = {"KILI_EXPORT_STATE": str(stack.state)}
    for name, words in OF_THE_EXTRAS.items():
        done = installed.command(name, *words, KILI_API_KEY="key", **state)
        [line] = done.stderr.splitlines()
        assert done.returncode == ExitCode.USAGE
        assert "is not installed: pip install 'kili-continuous-export[" in line


def test_the_demo_runs_from_the_wheel(installed: Environment) -> None:
    """The last test here: nothing is the base alone after it."""
    installed.install("demo")
    done = installed.command("demo", "--json")
    assert done.returncode == ExitCode.OK, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["ok"]) == ("end", True)
