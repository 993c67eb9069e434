"""The date of an entry, as ZIP writes it: two numbers of 16 bits, in steps of two seconds.

ZIP says "local time" and not of which place. Here it is always UTC, so that a date does not
depend on the machine that writes or reads it.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

STEP_SECONDS: Final = 2
"""What a date is rounded to."""
LATEST_STEP: Final = (
    int(
        (datetime(2108, 1, 1, tzinfo=UTC) - datetime(1980, 1, 1, tzinfo=UTC)).total_seconds()
        // STEP_SECONDS
    )
    - 1
)
"""The last step that a date can say: the end of 2107."""
FORMER_DATE: Final = 0x0021_0000
"""1980-01-01 00:00, the date of all entries that version 0.1 wrote."""

_FIRST: Final = datetime(1980, 1, 1, tzinfo=UTC)


def step_of(moment: datetime) -> int:
    """The last whole step at a moment, counted from 1980-01-01 00:00 UTC. May be negative."""
    return (moment - _FIRST) // timedelta(seconds=STEP_SECONDS)


def dos_date(step: int) -> int:
    """A step, from 0 to LATEST_STEP, as ZIP writes it: the date above the time, 32 bits."""
    moment = _FIRST + timedelta(seconds=step * STEP_SECONDS)
    day = (moment.year - _FIRST.year) << 9 | moment.month << 5 | moment.day
    return day << 16 | moment.hour << 11 | moment.minute << 5 | moment.second // STEP_SECONDS


def moment_of(date: int) -> datetime:
    """What a date says, in UTC. A date that no calendar has is read as 1980-01-01 00:00."""
    day, time = date >> 16, date & 0xFFFF
    try:
        return datetime(
            _FIRST.year + (day >> 9),
            day >> 5 & 0xF,
            day & 0x1F,
            time >> 11,
            time >> 5 & 0x3F,
            (time & 0x1F) * STEP_SECONDS,
            tzinfo=UTC,
        )
    except ValueError:
        return _FIRST
