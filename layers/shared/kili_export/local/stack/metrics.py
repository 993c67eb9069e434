"""What the functions of a stack count, as Prometheus reads it.

The names are those that CloudWatch gets. Nothing has a label: no project, asset or person is named.
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import hashlib
import hmac
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from kili_export.wiring.invocation import Counted

METRICS_PATH: Final = "/metrics"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "summary"]
METRICS: Final[dict[str, tuple[Kind, str]]] = {
    "EventsAccepted": ("counter", "Events of Kili that were stored."),
    "EventsIgnored": ("counter", "Events of Kili that change no export."),
    "EventsRejected": ("counter", "Calls of the webhook that were no event of Kili."),
    "RunsPlanned": ("counter", "Runs that had something to do."),
    "RunsFailed": ("counter", "Runs that failed."),
    "RunsSwept": ("counter", "Runs that the sweep had to start."),
    "AssetsPlanned": ("counter", "Assets that runs had to look at."),
    "AssetsConverted": ("counter", "Assets that were converted."),
    "AssetsFailed": ("counter", "Assets that could not be converted."),
    "AssetsNotReadableYet": ("counter", "Assets whose new label could not be read yet."),
    "TreesBehind": ("counter", "Deliveries of trees that failed."),
    "AssetsQuarantined": ("counter", "Assets in quarantine, at each publication."),
    "AssetsUnanswered": ("counter", "Assets for which Kili gave no answer, in each run."),
    "ExportsPublished": ("counter", "Exports that runs published."),
    "ExportsFailed": ("counter", "Exports that runs could not publish."),
    "ExportsHeld": ("counter", "Exports of which runs held removals."),
    "S3Requests": ("counter", "Requests to the bucket while publishing."),
    "BytesDown": ("counter", "Bytes read from the bucket while publishing."),
    "BytesUp": ("counter", "Bytes written to the bucket while publishing."),
    "ProjectsReconciled": ("counter", "Projects that were looked after."),
    "ReconcileFailed": ("counter", "Projects that could not be looked after."),
    "ReconcileRepaired": ("counter", "Changes that no event brought."),
    "ArchiveBytes": ("summary", "Bytes of an archive, at each publication."),
    "FreshnessSeconds": ("summary", "Seconds from the oldest event of a run to its publication."),
    "OldestMarkSeconds": ("gauge", "Age of the oldest pending change."),
    "ProjectsHeld": ("gauge", "Projects whose removals wait for confirmation."),
    "ExportsLeftOut": ("gauge", "Exports that cannot be made as they are declared."),
}
"""By the name in CloudWatch. The gauges are of `reconcile`, which counts only what is not zero."""
_GAUGES: Final = tuple(name for name, (kind, _) in METRICS.items() if kind == "gauge")
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STARTED: Final = "process_start_time_seconds"


def metrics_token(webhook_secret: str) -> str:
    """What lets somebody read the metrics, and nothing else: the secret does not follow from it."""
    return hmac.new(webhook_secret.encode(), b"metrics", hashlib.sha256).hexdigest()


class Metrics:
    """The sums since the start of a stack. Safe for several threads."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._started = time.time()
        self._sums: dict[str, float] = defaultdict(float)
        self._times: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def is_authorized(self, authorization: str) -> bool:
        """Whether a header of this value may read them. The time that it takes does not tell."""
        given = authorization.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, f"Bearer {self._token}".encode())

    def add(self, function: str, counted: Iterable[Counted]) -> None:
        """Takes what one invocation of a function counted."""
        with self._lock:
            if function == "reconcile":
                self._sums.update(dict.fromkeys(_GAUGES, 0.0))
            for name, value in counted:
                self._sums[name] += value
                self._times[name] += 1

    def text(self) -> str:
        """All of them, in the text format."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"# HELP {_STARTED} Start of the stack, in seconds since 1970."
        yield f"# TYPE {_STARTED} gauge"
        yield f"{_STARTED} {self._started!r}"
        for name, (kind, meaning) in METRICS.items():
            shown = f"kili_export_{_WORD.sub('_', name).lower()}"
            shown += "_total" if kind == "counter" else ""
            value = repr(float(self._sums[name]))
            yield f"# HELP {shown} {meaning}"
            yield f"# TYPE {shown} {kind}"
            if kind == "summary":
                yield f"{shown}_sum {value}"
                yield f"{shown}_count {self._times[name]}"
            else:
                yield f"{shown} {value}"
