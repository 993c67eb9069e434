"""Lists all assets of a project although pages are read by offset while people work.

Kili lists assets by creation. What a listing has seen is therefore a beginning of that order as
long as each page starts with an asset that was seen before: pages overlap by one. When one does
not, earlier assets went away and later ones moved forward, so the reading steps back. In the end
Kili's own count must agree with what was seen.
"""

from collections.abc import Callable

from kili_export.adapters.kili.answers import Row
from kili_export.domain.errors import Unavailable

PAGE = 100
TRIES = 4
_SLACK = 10_000

ReadPage = Callable[[int, int], list[Row]]
"""Reads rows, given how many to skip and how many to read at most."""


def list_consistently(
    read_page: ReadPage, count: Callable[[], int], what: str = "assets"
) -> list[Row]:
    """Every row once, in server order. Raises Unavailable when the listing stays inconsistent.

    `what` names the rows in messages.
    """
    expected = count()
    for _ in range(TRIES):
        seen: dict[str, Row] = {}
        # New assets come last, so a listing that is merely short is read on from where it ended.
        for _ in range(TRIES):
            _read_on(read_page, seen, _most(expected))
            counted = count()
            if counted == len(seen):
                return list(seen.values())
            if not len(seen) < counted:
                break
            expected = counted
        expected = counted
    raise Unavailable(f"{what} come and go too fast to be listed; the listing is to be tried later")


def _read_on(read_page: ReadPage, seen: dict[str, Row], most: int) -> None:
    position = len(seen)
    steps_back = 0
    while True:
        start = max(0, position - 1)
        page = read_page(start, PAGE)
        if start > 0 and (not page or page[0]["id"] not in seen):
            steps_back += 1
            if steps_back > len(seen) // PAGE + TRIES:
                raise Unavailable("the pages of the project's assets shift too fast to be read")
            position = max(0, start - PAGE)
            continue
        seen.update((row["id"], row) for row in page)
        if len(page) < PAGE:
            return
        position = start + len(page)
        if position > most:
            raise Unavailable("Kili lists far more assets than it counts")


def _most(expected: int) -> int:
    return max(2 * expected, expected + _SLACK)
