"""Numbers as arguments."""

from argparse import ArgumentTypeError


def whole_number(text: str) -> int:
    """A whole number, zero or more."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def positive_number(text: str) -> int:
    """A whole number, one or more."""
    if whole_number(text) < 1:
        raise ArgumentTypeError(f"{text} is less than 1")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds above zero."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
