"""Numbers of labels: which can be computed with.

Integers and floats of a label are kept apart, as the SDK keeps them: `1` stays `1`, `1.0` stays
`1.0`, and a float is written as Python's shortest representation (`1e-05`, `1e+22`, `-0.0`).
"""

from typing import Any, TypeGuard

Number = int | float

# Beyond this a product with a picture's size, or the square of it, would not be finite.
_LARGEST = 1e100


def is_number(value: Any) -> TypeGuard[Number]:
    """Whether a coordinate can be computed with: a finite int or float, and not a bool."""
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST
