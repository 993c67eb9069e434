"""Which date a file of an archive bears: a function of the labels' dates and of its contents.

Tools that go by size and date must see every change of a file. So its date is later when a newer
label is exported, and another one when its contents change without that. Both come from the state
alone: by whatever increments or full exports it was reached, the date is the same.

A file's moments are the creations, and the later edits, of the labels that it may come from. Each
moment has a range of steps before it, at most a day long and behind the range of the moment
before it; a half of what is left there is kept free, so that labels which follow each other within
seconds have ranges too. The file's date is in the range of its last moment, and where in it, its
contents decide. What has no moment is dated to the third of January 1980: from there no time
zone leads to before 1980, which ZIP cannot say.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from kili_export.core.dos_time import LATEST_STEP, STEP_SECONDS, dos_date, step_of

Moments = tuple[int, ...]
"""Ascending: twice a step of two seconds since 1980, and one more for an edit."""

MOST_MOMENTS: Final = 20
"""A range is halved that often, and there is nothing left to halve."""

_REACH: Final = 24 * 3600 // STEP_SECONDS
_EDIT_REACH: Final = 120 // STEP_SECONDS
"""An edited label does not say when it was edited before: what is edited again some minutes later
must not lie in the range of the edit before."""
_EARLIEST: Final = step_of(datetime(1980, 1, 3, tzinfo=UTC))
_DIGITS: Final = 16
_LONGEST_DATE: Final = 64


class LabelDates(NamedTuple):
    """A label that Kili has of an asset, with its dates as Kili writes them, if it does."""

    label_id: str
    label_type: str
    created_at: str | None
    updated_at: str | None = None


def moments_of(created_at: object, updated_at: object = None) -> Moments:
    """The moments of a label, none where it has no date that can be read.

    An edit within two minutes of the creation is part of it.
    """
    created, updated = _step(created_at), _step(updated_at)
    if created is None:
        return ()
    if updated is None or updated - created < _EDIT_REACH:
        return (created << 1,)
    return (created << 1, updated << 1 | 1)


def newest_moments(moments: Iterable[int]) -> Moments:
    """Those that a date depends on."""
    return tuple(sorted(set(moments))[-MOST_MOMENTS:])


def date_of(moments: Moments, identity: str) -> int:
    """The date as ZIP writes it (`dos_time`).

    `identity` is a digest of the contents, in hexadecimal digits.
    """
    steps = _last_range(moments)
    step = steps[int(identity[:_DIGITS], 16) % len(steps)]
    return dos_date(min(step, LATEST_STEP))


def dated_identity(identity: str, modified: int) -> str:
    """The digest that tells whether contents or date of a file changed."""
    return hashlib.sha256(f"{identity} {modified:08x}".encode()).hexdigest()


def _last_range(moments: Moments) -> range:
    start = end = _EARLIEST
    for moment in moments or (0,):
        step = max(moment >> 1, _EARLIEST + _REACH)
        reach = _EDIT_REACH if moment & 1 else _REACH
        start = max(end, step - reach)
        end = start + max(1, (step - start + 1) // 2)
    return range(start, end)


def _step(text: object) -> int | None:
    # No date is longer, and nothing longer is to be kept.
    return _step_of(text) if isinstance(text, str) and len(text) <= _LONGEST_DATE else None


@lru_cache(maxsize=1024)
def _step_of(text: str) -> int | None:
    """Kept: every export and file of an asset asks for the same few."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, min(step_of(aware), LATEST_STEP))
