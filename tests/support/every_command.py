"""Every command with arguments that it accepts, and paths of all kinds that cannot work."""

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kili_export.local.main import parser

_OPTIONS = {
    "register": ("--export", "yolo=yolo_v8"),
    "pull": ("--output", "yolo.zip"),
    "snapshot": ("v1",),
    "diff": ("1",),
    "export": ("--format", "coco", "--output", "coco.zip"),
}
"""What commands need besides their positional arguments."""

WITHOUT_A_STACK = frozenset({"up", "demo", "export", "doctor"})
"""What does not end where no stack is."""

WRITTEN_PATHS = (
    ("pull", "P", "yolo", "--output"),
    ("export", "P", "--format", "kili", "--output"),
    ("assets", "P", "--output"),
    ("labels", "P", "--output"),
)
"""Every option that names a file to write."""


@dataclass(frozen=True)
class Command:
    """One command. `places` are its positional arguments, `words` all that is given."""

    name: str
    places: tuple[str, ...]
    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """The options that take a value."""

    def __str__(self) -> str:
        return self.name

    @property
    def words(self) -> tuple[str, ...]:
        """A command line that the parser accepts."""
        return (*self.name.split(), *map(_VALUES.__getitem__, self.places), *self.options)

    def with_value(self, place: str, value: str) -> tuple[str, ...] | None:
        """The command line with another value at a place; None if there is no such place."""
        if place not in self.places:
            return None
        values = [value if one == place else _VALUES[one] for one in self.places]
        return (*self.name.split(), *values, *self.options)

    def with_each_value_as(self, value: str) -> Iterator[tuple[str, ...]]:
        """The command line with the value at one place, or as that of one option, at a time."""
        for place in self.places:
            yield self.with_value(place, value) or ()
        for flag in self.flags:
            if flag not in self.options:
                yield (*self.words, flag, value)


_VALUES = {
    "project_id": "project1",
    "export": "yolo",
    "directory": "folder",
    "destination": "backup",
}


def _commands(of: ArgumentParser, name: str = "") -> Iterator[Command]:
    actions = of._actions
    below = [one for one in actions if isinstance(one, _SubParsersAction)]
    for action in below:
        for word, command in action.choices.items():
            yield from _commands(command, f"{name} {word}".strip())
    if not below:
        yield Command(
            name,
            tuple(
                one.dest
                for one in actions
                if not one.option_strings and (one.required or one.dest == "export")
                if one.dest in _VALUES
            ),
            _OPTIONS.get(name, ()),
            tuple(
                one.option_strings[0]
                for one in actions
                # Those with a type or choices are refused by the parser itself.
                if one.option_strings and one.nargs is None and not (one.type or one.choices)
                if one.option_strings[0] not in {"--file", "--export"}
            ),
        )


ALL = tuple(_commands(parser()))

OF_A_STACK = tuple(one for one in ALL if one.name not in WITHOUT_A_STACK)


def read_paths(folder: Path) -> dict[str, str]:
    """Paths of a file or a state directory to read that are none, also for the superuser."""
    (folder / "directory").mkdir(exist_ok=True)
    (folder / "directory" / "stack.json").mkdir(exist_ok=True)
    (folder / "file").write_bytes(b"\xff\xfe\x00 no text")
    if not (folder / "loop").is_symlink():
        (folder / "loop").symlink_to("loop")
    found = {
        "missing": str(folder / "missing"),
        "directory": str(folder / "directory"),
        "file": str(folder / "file"),
        "below a file": str(folder / "file" / "below"),
        "link to itself": str(folder / "loop"),
        "long": str(folder / ("n" * 300)),
    }
    # Opening it succeeds, reading it fails, for everybody.
    if Path("/proc/self/mem").exists():
        found["unreadable"] = "/proc/self/mem"
    return found


def written_paths(folder: Path) -> dict[str, str]:
    """Paths of a file or a state directory to write that cannot be, also for the superuser."""
    (folder / "taken").mkdir(exist_ok=True)
    (folder / "taken" / "inside").write_text("")
    (folder / "plain").write_text("")
    if not (folder / "loop").is_symlink():
        (folder / "loop").symlink_to("loop")
    found = {
        "directory": str(folder / "taken"),
        "below a file": str(folder / "plain" / "below"),
        "below a link to itself": str(folder / "loop" / "below"),
    }
    # A file system in which nobody makes anything.
    if Path("/proc/self").exists():
        found["without rights"] = "/proc/self/made"
    return found
