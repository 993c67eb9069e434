"""Fixtures that every test may ask for, and how all properties are tested."""

import logging
import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import settings

from kili_export.wiring import application, webhook
from tests.support.leak_watch import WATCHED, LeakWatch
from tests.support.seaweed import key_prefix, object_store, s3_client, seaweed

# The same examples every time, and no failure because a machine is busy.
settings.register_profile("every run", derandomize=True, deadline=None)
settings.load_profile("every run")

__all__ = ["key_prefix", "object_store", "s3_client", "seaweed"]


@pytest.fixture(scope="module", autouse=True)
def environment_of_its_own() -> Iterator[None]:
    """Gives back the environment: commands point the clients of their process at their stack."""
    with patch.dict(os.environ):
        yield


_KEPT_BY_A_PROCESS = (application.application, webhook._receiver)


@pytest.fixture(autouse=True)
def application_of_its_own() -> Iterator[None]:
    """Forgets what functions keep for their process: it was made from this test's environment."""
    yield
    for one in _KEPT_BY_A_PROCESS:
        one.cache_clear()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Gives back what is logged: a command of the project's own says less in its whole process."""
    before = logging.root.manager.disable
    yield
    logging.disable(before)


@pytest.fixture(scope="session")
def leak_watch() -> Iterator[LeakWatch]:
    """Sees everything that our code logs, also what would not be shown."""
    watch = LeakWatch()
    logging.getLogger().addHandler(watch)
    logging.getLogger(WATCHED).setLevel(logging.DEBUG)
    yield watch
    logging.getLogger().removeHandler(watch)


@pytest.fixture(autouse=True)
def nothing_private_is_logged(leak_watch: LeakWatch) -> Iterator[None]:
    """Fails a test during which a secret, a signed link, a person or a label was logged."""
    yield
    assert not (found := leak_watch.take()), f"this was logged: {found}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what tests measured, from whichever process they ran in."""
    measured = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "measured" and report.when == "call"
    ]
    if measured:
        terminalreporter.section("measured")
        for line in sorted(measured):
            terminalreporter.write_line(line)
