"""Keys of a label that number the frames of a video."""

# No video has more frames than that; Python itself refuses to read numbers of thousands of digits.
_MOST_DIGITS = 18


def frame_number(key: str) -> int | None:
    """The frame, counted from 0, that a key of a label stands for; None when it is no number."""
    return int(key) if key.isdecimal() and len(key) <= _MOST_DIGITS else None
