"""What the exit status of `kili-export` says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit statuses, with what a script may do about each."""

    OK = 0
    """Done."""
    FAILED = 1
    """It did not work; the message says why."""
    USAGE = 2
    """The arguments or the configuration are wrong; the message names the way out."""
    QUARANTINED = 3
    """Published, but some assets could not be exported; `status` lists them."""
    HELD = 4
    """Removals wait for a person: `kili-export confirm`."""
    TIMED_OUT = 5
    """It is still under way when the time given was over."""
    UNAVAILABLE = 6
    """Kili or a server did not answer; trying again later may help."""
    INCOMPLETE = 7
    """Written, but some assets or labels could not be read; the messages name them."""
    INTERRUPTED = 130
    """Ctrl+C."""


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "it did not work; the message says why",
    ExitCode.USAGE: "the arguments or the configuration are wrong; the message names the way out",
    ExitCode.QUARANTINED: "published, but some assets could not be exported; status lists them",
    ExitCode.HELD: "removals wait for confirmation: kili-export confirm",
    ExitCode.TIMED_OUT: "still under way when the time given was over",
    ExitCode.UNAVAILABLE: "Kili or a server did not answer; later it may",
    ExitCode.INCOMPLETE: "written, but without what could not be read; the messages name it",
    ExitCode.INTERRUPTED: "interrupted with Ctrl+C",
}
