"""Watches that what has to be worked out at once ends before the invocation does."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from kili_export.core.clock import TimeLeft
from kili_export.core.errors import OutlastsInvocation

_EVERY: Final = 1_000
_T = TypeVar("_T")


class ComputingTime:
    """The time for working out one export again, of which nothing is kept when it is over.

    Copies go on in another invocation; this would begin again there, and never end. Asked now and
    then, so that small exports are never bothered.
    """

    def __init__(self, time_left: TimeLeft | None, export: str) -> None:
        self._time_left = time_left
        self._export = export
        self._steps = 0

    def over(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items. Raises OutlastsInvocation when time is up among them."""
        for item in items:
            self._steps += 1
            if self._steps % _EVERY == 0:
                self._require()
            yield item

    def end(self) -> None:
        """Raises OutlastsInvocation when no time is left to write what was worked out."""
        if self._steps >= _EVERY:
            self._require()

    def _require(self) -> None:
        if self._time_left is not None and self._time_left.is_up():
            raise OutlastsInvocation(
                f"The full export {self._export} has more assets than can be put together in the"
                " time that a function may run; declare several exports whose filters take a part"
                " of the project each, or one with a file for each asset (single_file: false)."
            )
