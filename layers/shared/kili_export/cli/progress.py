"""Shows how far an export has come: a bar, lines, or JSON."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Self

from kili_export.cli.output import bytes_text
from kili_export.core.progress import Progress

_WIDTH: Final = 24
"""Characters of the bar: with the longest text beside it, a line has fewer than 80."""
_PAUSES: Final = {"bar": 0.1, "lines": 5.0, "json": 1.0}
"""Seconds between two that show the same phase."""
_ERASE: Final = "\r\033[K"
Form = Literal["bar", "lines", "json"]


@dataclass(slots=True)
class ProgressDisplay:
    """Shows progress until the end of a `with` block.

    JSON is for standard output, the others for standard error.
    """

    form: Form
    elapsed: Callable[[], float] = time.monotonic
    _shown: Progress | None = None
    _shown_at: float = 0.0
    _began: tuple[float, int] = field(default=(0.0, 0))

    @classmethod
    def choose(cls, *, as_json: bool) -> Self:
        """The form that suits who reads it."""
        return cls("json" if as_json else "bar" if sys.stderr.isatty() else "lines")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()

    def erase(self) -> None:
        """Makes room for something else on the line of the bar."""
        if self.form == "bar":
            sys.stderr.write(_ERASE)
            sys.stderr.flush()

    def __call__(self, progress: Progress) -> None:
        """Shows it, unless the same phase was shown just now."""
        now = self.elapsed()
        same = self._shown is not None and self._shown.phase == progress.phase
        if not same:
            self._began = (now, progress.done)
        elif now - self._shown_at < _PAUSES[self.form]:
            return
        self._shown, self._shown_at = progress, now
        self._show(progress, self._rate(progress, now))

    def _rate(self, progress: Progress, now: float) -> float | None:
        began, before = self._began
        if progress.done <= before or now <= began:
            return None
        return (progress.done - before) / (now - began)

    def _show(self, progress: Progress, rate: float | None) -> None:
        if self.form == "json":
            left = None if rate is None else (progress.assets - progress.done) / rate
            counted = "bytes" if progress.in_bytes else "assets"
            document = {
                "event": "progress",
                "phase": progress.phase,
                "done": progress.done,
                counted: progress.assets,
                f"{counted}_per_second": None if rate is None else round(rate, 1),
                "seconds_left": None if left is None else round(left),
            }
            print(json.dumps(document), flush=True)
            return
        text = described(progress, rate)
        if self.form == "lines":
            print(text, file=sys.stderr)
            return
        share = progress.done / progress.assets if progress.assets else 0.0
        bar = "#" * round(share * _WIDTH)
        sys.stderr.write(f"{_ERASE}[{bar:<{_WIDTH}}] {text}")
        sys.stderr.flush()


def described(progress: Progress, rate: float | None) -> str:
    """Progress in a few words."""
    text = progress.phase.capitalize()
    if progress.assets:
        text += f" {_amount(progress, progress.done)} of {_amount(progress, progress.assets)}"
    if rate is not None:
        left = _span((progress.assets - progress.done) / rate)
        text += f", {_amount(progress, round(rate))}/s, {left} left"
    return text


def _amount(progress: Progress, count: int) -> str:
    return bytes_text(count) if progress.in_bytes else str(count)


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.0f} h"
