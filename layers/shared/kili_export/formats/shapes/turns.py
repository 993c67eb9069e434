"""On which side of a line a point lies, decided exactly."""

from fractions import Fraction

Pair = tuple[float, float]
# A determinant whose size exceeds this share of its terms has the right sign in floats.
_CERTAIN = 3.3306690738754716e-16


def side_of(a: Pair, b: Pair, c: Pair) -> int:
    """1 when `c` lies to the left of the line from `a` to `b`, -1 to the right, 0 on it."""
    across_a, down_a, across_b, down_b = a[0] - c[0], a[1] - c[1], b[0] - c[0], b[1] - c[1]
    left, right = across_a * down_b, down_a * across_b
    determinant = left - right
    if abs(determinant) > _CERTAIN * (abs(left) + abs(right)):
        return 1 if determinant > 0 else -1
    if not (across_a and down_b) and not (down_a and across_b):
        return 0
    exact = _exact_turn(a, b, c)
    return (exact > 0) - (exact < 0)


def _exact_turn(a: Pair, b: Pair, c: Pair) -> Fraction:
    (ax, ay), (bx, by), (cx, cy) = ((Fraction(x), Fraction(y)) for x, y in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
