"""What goes wrong while a state machine is loaded, started or run.

UnsupportedField        the definition holds something that this runner does not implement
StateFailed             a state reported an error, which Retry and Catch may match
└── FunctionFailed      a function raised, or could not be run
ExecutionEnded          the execution ends now, whatever its states say
├── Aborted             somebody stopped it
└── TimedOut            its own time is over
"""


class UnsupportedField(Exception):
    """The definition holds a field, state type or value that this runner does not implement."""


class StateFailed(Exception):
    """A state reported an error. `error` is its name, `cause` a person's explanation."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class FunctionFailed(StateFailed):
    """A function raised, or could not be run.

    `error` is the class name of what it raised or, if it never got so far, one of the service's
    names (`Lambda.TooManyRequestsException`, `Sandbox.Timedout`, `Runtime.ExitError`).
    """


class ExecutionEnded(Exception):
    """The execution ends now, whatever its states say."""


class Aborted(ExecutionEnded):
    """The execution, or the map that it belongs to, was stopped."""


class TimedOut(ExecutionEnded):
    """The execution's own time is over."""
