"""How many assets may vanish from an export without a person's word."""

from typing import Final

ALWAYS_ALLOWED: Final = 3
"""So few may always go: a tenth of a small project would be none."""

_SHARE: Final = 10


def must_ask(removed: int, known: int, confirmed: int) -> bool:
    """Whether removing `removed` of `known` assets needs more than what was `confirmed`.

    More than a tenth of a project vanishing at once is more often lost access or a mistake
    than a wish.
    """
    return removed > max(ALWAYS_ALLOWED, known // _SHARE, confirmed)
