"""What a machine misses is installed where that is possible, and named everywhere else."""

import os

import pytest

from devtools.readers import installing
from devtools.readers.installing import absent, install
from devtools.readers.listing import ReaderFailed
from devtools.readers.reader import Needs, Reader
from tests.unit.devtools.readers.samples import absent_reader, reader


def test_readers_are_absent_with_what_they_miss() -> None:
    library = Reader("library", reader().read, Needs(npm=("no-such-library",)))
    package = Reader("package", reader().read, Needs(pypi=("no-such-package",)))
    broken = Reader("broken", reader().read, Needs(("true",), ("perl",), ("false",)))
    assert absent([reader(), library, package, broken, absent_reader()]) == {
        "library": "no-such-library is not in .venv-readers",
        "package": "no-such-package is not in .venv-readers",
        "broken": "`false` ends with status 1; Debian's perl",
        "absent": "`no-such-program` is not on the path; Debian's no-such-package",
    }


def test_nothing_is_installed_when_nothing_is_missing() -> None:
    told: list[str] = []
    install([reader()], told.append)
    assert told == []


def test_without_apt_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "is_there", lambda program: program != "apt-get")
    told: list[str] = []
    install([absent_reader()], told.append)
    assert told == ["not installed: no-such-package; this system has no apt-get"]


def test_who_may_not_install_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "is_there", lambda program: program == "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told: list[str] = []
    install([absent_reader()], told.append)
    assert told == ["not installed: no-such-package; run: sudo apt-get install no-such-package"]


def test_one_package_that_cannot_be_had_keeps_no_other_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[str] = []

    def run(command: tuple[str, ...], **_: object) -> bytes:
        commands.append(" ".join(command[-2:]))
        if "no-such-package" in command:
            raise ReaderFailed("status 100: no such package")
        return b""

    monkeypatch.setattr(installing, "run", run)
    monkeypatch.setattr(installing, "is_there", lambda program: program == "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    other = Reader("other", reader().read, Needs(("no-such-tool",), ("other-package",)))
    told: list[str] = []
    install([absent_reader(), other], told.append)
    assert commands[-1] == "--no-install-recommends other-package"
    assert told[-1] == "apt-get cannot install no-such-package: status 100: no such package"
