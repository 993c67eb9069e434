"""Every error that this system raises on purpose, in one tree.

ExportError
├── InvalidEvent            a webhook body that is not an event; the sender must mend it
├── Unauthorized            a webhook call without the secret that was agreed on
├── InvalidConfiguration    a registration, option or setting that cannot work
│   ├── IncompatibleProject a format or option that this project cannot be exported with
│   ├── NoSuchFile          the generation has no file at that path; a FileNotFoundError too
│   └── ChangesUnknown      no deltas lead from there to here: take all files
├── AccessDenied            Kili or AWS refuses our credentials; retrying cannot help
├── RequestRefused          the other side understood and said no; retrying cannot help
├── TransientError          may succeed if tried again
│   ├── Throttled           the other side asks us to slow down
│   └── Unavailable         the other side is down, slow or cut off
├── IntegrityError          stored or received bytes are not what was promised
├── ConflictError           somebody else committed first; plan again
│   └── GenerationExpired   what a reader held on to was removed meanwhile; open the export again
├── OutOfTime               the invocation ends before the work does; the next one goes on
├── OutlastsInvocation      more than any invocation has time for; retrying cannot help
├── RemovalsHeld            too much vanished at once; a person must confirm
└── AssetError              one asset cannot be exported; it is quarantined, the rest go on

The class names are an API: the state machine's Retry and Catch match them.
"""


class ExportError(Exception):
    """The root of the tree."""


class InvalidEvent(ExportError):
    """A webhook body that is not an event. `field` names what is wrong, as a dotted path."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Unauthorized(ExportError):
    """A webhook call without the secret that was agreed on."""


class InvalidConfiguration(ExportError):
    """A registration, option or setting that cannot work; the message names the way out."""


class IncompatibleProject(InvalidConfiguration):
    """A format or option that this project cannot be exported with."""


class NoSuchFile(InvalidConfiguration, FileNotFoundError):
    """A generation of an export has no file at that path."""


class ChangesUnknown(InvalidConfiguration):
    """What changed since is not known: too long ago, or of another lineage. Take all files."""


class AccessDenied(ExportError):
    """Credentials were refused, or the project is not visible with them."""


class RequestRefused(ExportError):
    """The other side understood the request and said no."""


class TransientError(ExportError):
    """May succeed if tried again."""


class Throttled(TransientError):
    """The other side asks us to slow down. `retry_after` is in seconds, None if not given."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TransientError):
    """The other side is down, slow or cut off."""


class IntegrityError(ExportError):
    """Stored or received bytes are not what was promised."""


class ConflictError(ExportError):
    """Somebody else committed first: what was planned no longer fits."""


class GenerationExpired(ConflictError):
    """A generation that a reader held on to was removed meanwhile; open the export again."""


class OutOfTime(ExportError):
    """The invocation ends before the work does. What is done is kept, and the next goes on."""


class OutlastsInvocation(ExportError):
    """More than any invocation has time for; the message names the way out."""


class RemovalsHeld(ExportError):
    """So many assets vanished at once that a person must confirm before they are removed."""


class TangledOutline(ExportError):
    """An outline meets itself so often that its area cannot be worked out in reasonable time."""


class AssetError(ExportError):
    """One asset cannot be exported. `asset_id` names it; the message never holds its contents."""

    def __init__(self, message: str, *, asset_id: str) -> None:
        super().__init__(message)
        self.asset_id = asset_id
