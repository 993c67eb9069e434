"""Reading all assets by offset while they come and go."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.changes.comparison.kili_listing import FROM_THE_BEGINNING, ListingPosition
from kili_export.core.errors import AccessDenied, ConflictError, Unavailable
from kili_export.kili import listing
from kili_export.kili.answers import Row
from kili_export.kili.listing import PAGE, RECENT, TRIES, list_consistently, read_pages

CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("remove"), st.floats(0, 1, exclude_max=True)),
        st.tuples(st.just("append"), st.just(0.0)),
        st.tuples(st.just("nothing"), st.just(0.0)),
    ),
    max_size=25,
)


@dataclass
class Shelf:
    """Assets in the order of their creation; after each page that is read, one change happens."""

    ids: list[str]
    changes: list[tuple[str, float]] = field(default_factory=list)
    reads: int = 0
    added: int = 0
    removed: int = 0

    def __post_init__(self) -> None:
        self.always_there = set(self.ids)
        self.ever_there = set(self.ids)

    def read(self, skip: int, first: int) -> list[Row]:
        self.reads += 1
        page = [{"id": one} for one in self.ids[skip : skip + first]]
        if self.changes:
            self._change(*self.changes.pop(0))
        return page

    def _change(self, kind: str, where: float) -> None:
        if kind == "append":
            self.added += 1
            self.ids.append(f"new-{self.reads}")
            self.ever_there.add(self.ids[-1])
        elif kind == "remove" and self.ids:
            self.removed += 1
            self.always_there.discard(self.ids.pop(int(where * len(self.ids))))

    def count(self) -> int:
        return len(self.ids)


@settings(max_examples=200)
@given(st.integers(0, 60), CHANGES, st.sampled_from([2, 3, 10]))
def test_nothing_that_stays_is_missed_whatever_goes_and_comes(
    assets: int, changes: list[tuple[str, float]], page: int
) -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(assets)], list(changes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "PAGE", page)
        try:
            seen = [row["id"] for row in list_consistently(shelf.read, shelf.count)]
        except Unavailable:
            all_went = bool(shelf.ever_there) and not shelf.ids
            assert all_went or shelf.added + shelf.removed >= TRIES, "it gave up too early"
            return

    assert len(seen) == len(set(seen)), "an asset is listed twice"
    assert shelf.always_there <= set(seen) <= shelf.ever_there
    assert len(seen) == shelf.count()


@pytest.mark.parametrize("assets", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE])
def test_all_are_listed_in_order_whatever_their_number(assets: int) -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(assets)])

    assert [row["id"] for row in list_consistently(shelf.read, shelf.count)] == shelf.ids


def test_assets_that_are_added_meanwhile_are_read_on_for_without_beginning_again() -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(450)], [("append", 0.0)] * 5)

    seen = list_consistently(shelf.read, shelf.count)

    assert [row["id"] for row in seen] == shelf.ids
    assert shelf.reads <= 8


SHIFTS = [[("remove", 0.0)] * count for count in range(1, TRIES)]


@pytest.mark.parametrize("shifts", SHIFTS, ids=len)
@pytest.mark.parametrize("assets", [150, 350, 1050])
def test_pages_that_shift_are_read_again(assets: int, shifts: list[tuple[str, float]]) -> None:
    """Assets of the first page go while others are read: all that stay are listed."""
    shelf = Shelf([f"asset-{number:04}" for number in range(assets)], list(shifts))
    assert [row["id"] for row in list_consistently(shelf.read, shelf.count)] == shelf.ids
    assert len(shelf.ids) == assets - len(shifts)


@pytest.mark.parametrize("shifts", [*SHIFTS, [("remove", 0.0)] * 25], ids=len)
@pytest.mark.parametrize("resumed", [True, False])
def test_pages_that_shift_are_gone_on_with(shifts: list[tuple[str, float]], resumed: bool) -> None:
    shelf = Shelf([f"asset-{number:04}" for number in range(3000)], list(shifts))
    seen = paged(shelf, resumed)
    assert len(shelf.ids) == 3000 - len(shifts)
    assert set(shelf.ids) <= set(seen)
    assert len(seen) == len(set(seen))


def test_pages_that_never_end_are_given_up() -> None:
    reads = 0

    def read(skip: int, first: int) -> list[Row]:
        nonlocal reads
        reads += 1
        return [{"id": f"asset-{skip + number}"} for number in range(first)]

    with pytest.raises(Unavailable, match="far more"):
        list_consistently(read, lambda: 10)
    assert reads < 200


def test_a_server_that_ignores_the_offset_is_given_up() -> None:
    page = [{"id": f"asset-{number}"} for number in range(PAGE)]

    with pytest.raises(Unavailable):
        list_consistently(lambda _skip, _first: page, lambda: 1000)


def test_a_count_that_never_agrees_is_given_up() -> None:
    shelf = Shelf(["a", "b", "c"])

    with pytest.raises(Unavailable, match="later"):
        list_consistently(shelf.read, lambda: 2)
    assert shelf.reads <= listing.TRIES**2


def paged(shelf: Shelf, resumed: bool = True) -> list[str]:
    """All ids that are read page by page, each page by another reader if it is resumed."""
    seen: list[str] = []
    pages = read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING)
    while True:
        rows, position, is_last = next(pages)
        seen += [row["id"] for row in rows]
        if is_last:
            return seen
        if resumed:
            pages = read_pages(shelf.read, shelf.count, position)


@settings(max_examples=200)
@given(st.integers(0, 60), CHANGES, st.sampled_from([2, 3, 10]), st.booleans())
def test_pages_miss_nothing_that_stays_though_others_go_on_with_them(
    assets: int, changes: list[tuple[str, float]], page: int, resumed: bool
) -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(assets)], list(changes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "PAGE", page)
        try:
            seen = paged(shelf, resumed)
        except Unavailable:
            all_went = bool(shelf.ever_there) and not shelf.ids
            assert all_went or shelf.added >= TRIES, "it gave up too early"
            return
    assert len(seen) == len(set(seen)), "an asset is listed twice"
    assert shelf.always_there <= set(seen) <= shelf.ever_there


def test_a_position_is_small_however_long_the_listing_is() -> None:
    shelf = Shelf([f"asset-{number:05}" for number in range(20_000)])
    for _, position, _ in read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING):
        assert len(position.recent) <= RECENT
    assert (position.seen, position.offset) == (20_000, 20_000)
    assert shelf.reads <= 205


def test_pages_that_shift_too_far_are_started_again() -> None:
    shelf = Shelf([f"asset-{number:05}" for number in range(5_000)])
    pages = read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING)
    for _ in range(30):
        _, position, _ = next(pages)
    del shelf.ids[:2000]
    with pytest.raises(ConflictError, match="start again"):
        list(read_pages(shelf.read, shelf.count, position))
    assert shelf.reads < 50


def test_pages_without_end_or_that_repeat_are_given_up() -> None:
    def endless(skip: int, first: int) -> list[Row]:
        return [{"id": f"asset-{skip + number}"} for number in range(first)]

    with pytest.raises(Unavailable, match="far more"):
        list(read_pages(endless, lambda: 10, FROM_THE_BEGINNING))
    same = [{"id": f"asset-{number}"} for number in range(PAGE)]
    reads = 0

    def repeating(_skip: int, _first: int) -> list[Row]:
        nonlocal reads
        reads += 1
        return same

    with pytest.raises(Unavailable, match="again and again"):
        list(read_pages(repeating, lambda: 1_000_000, FROM_THE_BEGINNING))
    assert reads < 30


@pytest.mark.parametrize("counted", [11, 10**9])
def test_fewer_than_are_counted_is_never_taken_for_all(counted: int) -> None:
    shelf = Shelf([f"asset-{number}" for number in range(10)])
    with pytest.raises(Unavailable, match="counts more"):
        list(read_pages(shelf.read, lambda: counted, FROM_THE_BEGINNING))


@dataclass
class LosingAccess:
    """A shelf that shows nothing from some call on, for some calls."""

    shelf: Shelf
    after: int
    calls: int
    made: int = 0

    def is_lost(self) -> bool:
        self.made += 1
        return self.after < self.made <= self.after + self.calls

    def read(self, skip: int, first: int) -> list[Row]:
        return [] if self.is_lost() else self.shelf.read(skip, first)

    def count(self) -> int:
        return 0 if self.is_lost() else self.shelf.count()

    def reassure(self) -> None:
        if self.is_lost():
            raise AccessDenied("not visible")


@pytest.mark.parametrize("assets", [1, 99, 100, 105, 250])
@pytest.mark.parametrize("calls", [*range(1, 9), 1000])
def test_a_listing_that_loses_access_is_whole_or_none(assets: int, calls: int) -> None:
    ids = [f"asset-{number:03}" for number in range(assets)]
    for after in range(8):
        for together in (True, False):
            losing = LosingAccess(Shelf(list(ids)), after, calls)
            try:
                if together:
                    rows = list_consistently(losing.read, losing.count, reassure=losing.reassure)
                else:
                    pages = read_pages(
                        losing.read, losing.count, FROM_THE_BEGINNING, losing.reassure
                    )
                    rows = [row for found, _, _ in pages for row in found]
            except (AccessDenied, Unavailable, ConflictError):
                assert losing.made > after, "it was given up before access was lost"
                continue
            assert [row["id"] for row in rows] == ids, (after, together)


class Counting:
    """Reads by a function of the offset, and how often."""

    def __init__(self, page_at: Callable[[int], list[Row]], counted: int) -> None:
        self.page_at = page_at
        self.counted = counted
        self.starts: list[int] = []

    def read(self, skip: int, first: int) -> list[Row]:
        assert first == 100, "Kili gives no more than a hundred rows at once"
        self.starts.append(skip)
        return self.page_at(skip)

    def count(self) -> int:
        return self.counted


def rows_from(start: int, count: int = PAGE) -> list[Row]:
    return [{"id": f"asset-{start + number}"} for number in range(count)]


def strangers_from(start: int) -> list[Row]:
    """The first page is as it was, all others begin with something else each time."""
    return rows_from(0) if start == 0 else rows_from(1_000_000 + start)


def test_the_limits_of_a_listing() -> None:
    assert (PAGE, TRIES, RECENT, listing._SLACK) == (100, 4, 1000, 10_000)


@pytest.mark.parametrize(
    ("counted", "reads"),
    [(10, 102), (98, 102), (99, 103), (20_000, 405)],
)
def test_pages_without_end_are_read_up_to_twice_what_is_counted_or_ten_thousand_more(
    counted: int, reads: int
) -> None:
    server = Counting(rows_from, counted)
    with pytest.raises(Unavailable, match="far more"):
        list_consistently(server.read, server.count)
    assert len(server.starts) == reads
    server.starts.clear()
    with pytest.raises(Unavailable, match="far more"):
        list(read_pages(server.read, server.count, FROM_THE_BEGINNING))
    assert len(server.starts) == reads


def test_a_page_that_never_fits_is_tried_six_times() -> None:
    server = Counting(strangers_from, 1000)
    with pytest.raises(Unavailable, match="shift too fast"):
        list_consistently(server.read, server.count)
    assert server.starts == [0, 99] * 6


def test_pages_are_gone_back_by_ten_at_most() -> None:
    read = dict.fromkeys(range(0, 5000, 99), True)

    def shifted(start: int) -> list[Row]:
        """Every page is as it was once; then nothing is."""
        return rows_from(start if read.pop(start, False) else 1_000_000 + start)

    server = Counting(shifted, 5000)
    pages = read_pages(server.read, server.count, FROM_THE_BEGINNING)
    for _ in range(20):
        _, position, _ = next(pages)
    assert server.starts == list(range(0, 1900, 99))
    read.clear()
    # The same reader and another one that goes on with the pages go back as far.
    for going_on in (pages, read_pages(server.read, server.count, position)):
        server.starts.clear()
        with pytest.raises(ConflictError, match="start again"):
            next(going_on)
        assert server.starts == [1980 - 101 * step for step in range(11)]


def test_pages_that_repeat_are_read_five_times_more() -> None:
    server = Counting(lambda _start: rows_from(0), 1000)
    with pytest.raises(Unavailable, match="again and again"):
        list_consistently(server.read, server.count)
    assert len(server.starts) == 6


def test_pages_that_repeat_are_read_fifteen_times_more_one_by_one() -> None:
    server = Counting(lambda _start: rows_from(0), 1_000_000)
    with pytest.raises(Unavailable, match="again and again"):
        list(read_pages(server.read, server.count, FROM_THE_BEGINNING))
    assert len(server.starts) == 16


def test_one_page_is_gone_back_for_one_asset_that_went() -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(350)])
    starts = []

    def read(skip: int, first: int) -> list[Row]:
        starts.append(skip)
        if len(starts) == 4:
            shelf.ids.pop(0)
        return shelf.read(skip, first)

    assert len(list_consistently(read, shelf.count)) == 349
    # The fourth page begins with what was not seen; the third is read again, then all.
    assert starts[:6] == [0, 99, 198, 297, 196, 295]
    assert starts[6:] == [0, 99, 198, 297]


def test_a_listing_that_has_more_than_there_is_is_started_again_at_once() -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(150)])
    shelf.changes = [("nothing", 0.0), ("remove", 0.0)]
    assert len(list_consistently(shelf.read, shelf.count)) == 149
    assert shelf.reads == 4


@pytest.mark.parametrize("assets", [1, 2, 100])
def test_who_counts_all_that_was_seen_is_believed(assets: int) -> None:
    def never() -> None:
        raise AssertionError("asked whether the project is visible")

    server = Counting(lambda start: rows_from(start, max(0, assets - start)), assets)
    assert len(list_consistently(server.read, server.count, reassure=never)) == assets
    pages = list(read_pages(server.read, server.count, FROM_THE_BEGINNING, never))
    assert sum(len(rows) for rows, _, _ in pages) == assets


@pytest.mark.parametrize("assets", [0, 1])
def test_who_counts_nothing_shows_the_project(assets: int) -> None:
    asked = []
    counts = [assets, 0, 0]
    server = Counting(lambda start: rows_from(start, max(0, assets - start)), 0)
    pages = read_pages(
        server.read, lambda: counts.pop(0), FROM_THE_BEGINNING, lambda: asked.append(1)
    )
    if assets:
        with pytest.raises(Unavailable, match="counts nothing of what it listed"):
            next(pages)
    else:
        assert next(pages) == ([], ListingPosition(0, 0, ()), True)
    assert (asked, counts) == ([1], [])


def test_fewer_than_are_counted_are_read_four_times() -> None:
    shelf = Shelf([f"asset-{number}" for number in range(10)])
    with pytest.raises(Unavailable, match="counts more"):
        list(read_pages(shelf.read, lambda: 11, FROM_THE_BEGINNING))
    assert shelf.reads == 4


def test_the_last_ids_are_remembered() -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(40)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "PAGE", 10)
        patch.setattr(listing, "RECENT", 15)
        for rows, position, _ in read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING):
            end = position.seen
            assert position.offset == end
            assert list(position.recent) == shelf.ids[max(0, end - 15) : end]
            assert [row["id"] for row in rows] == shelf.ids[end - len(rows) : end]
