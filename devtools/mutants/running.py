"""Runs tests against each mutant, in a process that is split off when all tests are loaded."""

import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TextIO

import coverage
import pytest
from _pytest.runner import runtestprotocol

from devtools.mutants.applying import LoadedModule
from devtools.mutants.mutations import Mutant, mutants

_KILLED, _SURVIVED, _ELSEWHERE = 10, 11, 12
_GIGABYTE = 1 << 30
_EXAMPLES = 50
_SETTINGS = "_hypothesis_internal_use_settings"


@dataclass
class Outcome:
    """What became of a module's mutants. `survivors` are lines to read.

    Not run are changes of what exists once a module is loaded: defaults of fields and parameters.
    """

    killed: int = 0
    survivors: list[str] = field(default_factory=list)
    not_run: int = 0

    @property
    def total(self) -> int:
        """How many mutants there were."""
        return self.killed + len(self.survivors)

    def count(self, mutant: str, verdict: int) -> None:
        """Counts what became of a mutant."""
        if verdict == _ELSEWHERE:
            self.not_run += 1
        elif verdict == _SURVIVED:
            self.survivors.append(mutant)
        else:
            self.killed += 1


Tell = Callable[[Path, Outcome], None]


@dataclass
class Share:
    """Every so-many-th mutant, the first one being `first`."""

    first: int = 0
    every: int = 1


class Plugin:
    """Takes over from pytest when it has found the tests. `tell` is called for each module."""

    def __init__(self, paths: Sequence[Path], share: Share, slow: float, tell: Tell) -> None:
        self.paths = [path.resolve() for path in paths]
        self.share = share
        self.slow = slow
        self.tell = tell
        self.outcomes: list[Outcome] = []
        self.problem = ""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Runs all tests as they are, then those that matter against each mutant."""
        _shorten_properties(session.items)
        seconds, data = self._measured(session.items)
        if self.problem:
            return True
        modules = list(map(LoadedModule, self.paths))
        # A collection in a child would copy every page of memory that it shares with this process.
        gc.collect()
        gc.freeze()
        for module in modules:
            lines = data.contexts_by_lineno(str(module.path))
            covered = {line: {*names} & seconds.keys() for line, names in lines.items()}
            outcome = self._of_module(module, session.items, seconds, covered)
            self.outcomes.append(outcome)
            self.tell(module.path, outcome)
        return True

    def _of_module(
        self,
        module: LoadedModule,
        items: Sequence[pytest.Item],
        seconds: dict[str, float],
        covered: dict[int, set[str]],
    ) -> Outcome:
        outcome = Outcome()
        chosen = list(mutants(module.source))[self.share.first :: self.share.every]
        for mutant in chosen:
            names = covered.get(mutant.line) or seconds.keys()
            reaching = sorted(
                (one for one in items if one.nodeid in names and one.nodeid in seconds),
                key=lambda one: seconds[one.nodeid],
            )
            verdict = _judged(module, mutant, reaching, seconds)
            outcome.count(f"{module.path.name}:{mutant.line}: {mutant.change}", verdict)
        return outcome

    def _measured(
        self, items: Sequence[pytest.Item]
    ) -> tuple[dict[str, float], coverage.CoverageData]:
        """The seconds of each test that is not slow, and the tests that reach each line."""
        paths = list(map(str, self.paths))
        counted = coverage.Coverage(data_file=None, include=paths, config_file=False)
        seconds: dict[str, float] = {}
        counted.start()
        for item, following in zip(items, [*items[1:], None], strict=True):
            counted.switch_context(item.nodeid)
            began = time.process_time()
            if _fails(item, following):
                self.problem = f"{item.nodeid} fails without any mutant"
            took = time.process_time() - began
            if took <= self.slow:
                seconds[item.nodeid] = took
        counted.stop()
        return seconds, counted.get_data()


def run(
    paths: Sequence[Path], tests: Iterable[str], share: Share, slow: float
) -> tuple[list[Outcome], str]:
    """What becomes of the mutants of each module, and why that could not be found out, if so."""
    plugin = Plugin(paths, share, slow, partial(_tell, sys.stdout))
    arguments = [*tests, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=0"]
    with redirect_stdout(StringIO()) as shown:
        status = pytest.main(arguments, plugins=[plugin])
    if status != pytest.ExitCode.OK and not plugin.problem:
        plugin.problem = f"pytest ended with {status}: {shown.getvalue()[-2000:]}"
    return plugin.outcomes, plugin.problem


def _tell(output: TextIO, path: Path, outcome: Outcome) -> None:
    output.write(
        f"{path.stem}: {outcome.killed} of {outcome.total} killed, {outcome.not_run} not run\n"
    )
    output.writelines(f"  survived: {one}\n" for one in outcome.survivors)
    output.flush()


def _shorten_properties(items: Iterable[pytest.Item]) -> None:
    """Lets properties try fewer examples, and not look for a smaller one when one fails."""
    for item in items:
        function = getattr(item, "function", None)
        former = getattr(function, _SETTINGS, None)
        if former is not None:
            examples = min(former.max_examples, _EXAMPLES)
            phases = [one for one in former.phases if one.name in {"explicit", "generate"}]
            # Not imported by name: pytest must be the first to load hypothesis.
            shorter = type(former)(former, max_examples=examples, phases=phases)
            setattr(function, _SETTINGS, shorter)


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def _judged(
    module: LoadedModule, mutant: Mutant, items: Sequence[pytest.Item], seconds: dict[str, float]
) -> int:
    """Whether one of the tests notices the mutant. Running out of time or memory is noticed."""
    child = os.fork()
    if child == 0:
        os._exit(_in_child(module, mutant, items, seconds))
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else _KILLED


def _in_child(
    module: LoadedModule, mutant: Mutant, items: Sequence[pytest.Item], seconds: dict[str, float]
) -> int:
    needed = sum(seconds[one.nodeid] for one in items)
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + int(10 + 5 * needed),) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (8 * _GIGABYTE,) * 2)
    sys.stderr = StringIO()
    try:
        if not module.apply(mutant.tree):
            return _ELSEWHERE
        pairs = zip(items, [*items[1:], None], strict=True)
        noticed = any(_fails(one, following) for one, following in pairs)
    except BaseException:  # noqa: BLE001 whatever ends the tests is noticed
        noticed = True
    return _KILLED if noticed else _SURVIVED
