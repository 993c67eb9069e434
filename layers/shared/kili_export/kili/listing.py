"""Lists all assets of a project although pages are read by offset while people work.

Kili lists assets by creation. What a listing has seen is therefore a beginning of that order as
long as each page starts with an asset that was seen before: pages overlap by one. When one does
not, earlier assets went away and later ones moved forward, so the reading steps back. In the end
Kili's own count must agree with what was seen. A project that cannot be seen any more lists and
counts nothing, so that a caller that counts little must show the project.
"""

from collections.abc import Callable, Iterator

from kili_export.changes.comparison.kili_listing import ListingPosition
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.kili.answers import Row

PAGE = 100
TRIES = 4
RECENT = 1000
"""Rows by which a listing in pages is continued: what shifts it by more begins it again."""
_SLACK = 10_000
_REPEATED = "Kili lists the same assets again and again"
Reassure = Callable[[], object]
"""Raises AccessDenied unless what is listed can be seen."""
ReadPage = Callable[[int, int], list[Row]]
"""Reads rows, given how many to skip and how many to read at most."""


def list_consistently(
    read_page: ReadPage,
    count: Callable[[], int],
    what: str = "assets",
    reassure: Reassure = lambda: None,
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
            counted = _counted(count, len(seen), reassure)
            if counted == len(seen):
                return list(seen.values())
            if not len(seen) < counted:
                break
            expected = counted
        expected = counted
    raise Unavailable(f"{what} come and go too fast to be listed; the listing is to be tried later")


def _read_on(read_page: ReadPage, seen: dict[str, Row], most: int) -> None:
    position = len(seen)
    steps_back = known_pages = 0
    while True:
        start = max(0, position - 1)
        page = read_page(start, PAGE)
        if start > 0 and (not page or page[0]["id"] not in seen):
            steps_back += 1
            if steps_back > len(seen) // PAGE + TRIES:
                raise Unavailable("the pages of the project's assets shift too fast to be read")
            position = max(0, start - PAGE)
            continue
        before = len(seen)
        seen.update((row["id"], row) for row in page)
        if len(page) < PAGE:
            return
        known_pages = known_pages + 1 if len(seen) == before else 0
        if known_pages > steps_back + TRIES:
            raise Unavailable(_REPEATED)
        position = start + len(page)
        if position > most:
            raise Unavailable("Kili lists far more assets than it counts")


def _most(expected: int) -> int:
    return max(2 * expected, expected + _SLACK)


def read_pages(
    read_page: ReadPage,
    count: Callable[[], int],
    position: ListingPosition,
    reassure: Reassure = lambda: None,
) -> Iterator[tuple[list[Row], ListingPosition, bool]]:
    """Every row once, in server order, page by page, in memory for the last thousand ids.

    Each page comes with the position after it, from which the reading can be continued, and
    whether it is the last. Raises Unavailable and ConflictError, see KiliListing.list_pages.
    """
    reading = _Reading(position, count())
    short = 0
    while True:
        start = max(0, reading.offset - 1)
        page = read_page(start, PAGE)
        if start > 0 and (not page or page[0]["id"] not in reading.recent):
            reading.step_back(start)
            continue
        rows = reading.take(page, start)
        is_last = len(page) < PAGE and reading.is_whole(_counted(count, reading.seen, reassure))
        yield rows, reading.position(), is_last
        if is_last:
            return
        short += len(page) < PAGE
        if short == TRIES:
            raise Unavailable("Kili counts more assets than it lists; to be tried later")


def _counted(count: Callable[[], int], seen: int, reassure: Reassure) -> int:
    """How many rows there are. Fewer than were seen are believed of a visible project alone."""
    counted = count()
    if counted >= max(seen, 1):
        return counted
    reassure()
    counted = count()
    if seen and not counted:
        raise Unavailable("Kili counts nothing of what it listed; to be tried later")
    return counted


class _Reading:
    """What is known while pages are read."""

    def __init__(self, position: ListingPosition, expected: int) -> None:
        self.offset = position.offset
        self.seen = position.seen
        self.recent = dict.fromkeys(position.recent)
        self.expected = expected
        self._known_pages = 0
        self._steps_back = 0

    def position(self) -> ListingPosition:
        return ListingPosition(self.offset, self.seen, tuple(self.recent))

    def take(self, page: list[Row], start: int) -> list[Row]:
        """Those rows of a page that were not seen before."""
        rows = {row["id"]: row for row in page if row["id"] not in self.recent}
        self._steps_back = 0
        self._known_pages = 0 if rows else self._known_pages + 1
        self.offset = start + len(page)
        self.seen += len(rows)
        self.recent.update(dict.fromkeys(rows))
        for asset_id in list(self.recent)[: max(0, len(self.recent) - RECENT)]:
            del self.recent[asset_id]
        if self.offset > _most(self.expected):
            raise Unavailable("Kili lists far more assets than it counts")
        if self._known_pages > RECENT // PAGE + TRIES:
            raise Unavailable(_REPEATED)
        return list(rows.values())

    def is_whole(self, counted: int) -> bool:
        """Whether as many were seen as there are; some that were seen may be gone since."""
        self.expected = counted
        return counted <= self.seen

    def step_back(self, start: int) -> None:
        """Earlier rows went away, so that later ones moved forward."""
        self._steps_back += 1
        if self._steps_back > RECENT // PAGE:
            raise ConflictError("too many assets went away while they were listed; start again")
        self.offset = max(0, start - PAGE)
