"""Reading all assets by offset while they come and go."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.changes.comparison.kili_listing import FROM_THE_BEGINNING
from kili_export.core.errors import AccessDenied, ConflictError, Unavailable
from kili_export.kili import listing
from kili_export.kili.answers import Row
from kili_export.kili.listing import PAGE, RECENT, list_consistently, read_pages

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
            self.ids.append(f"new-{self.reads}")
            self.ever_there.add(self.ids[-1])
        elif kind == "remove" and self.ids:
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
            assert changes, "nothing changed, so there was nothing to give up for"
            return

    assert len(seen) == len(set(seen)), "an asset is listed twice"
    assert shelf.always_there <= set(seen) <= shelf.ever_there
    assert len(seen) == shelf.count()


@pytest.mark.parametrize("assets", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE])
def test_all_are_listed_in_order_whatever_their_number(assets: int) -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(assets)])

    assert [row["id"] for row in list_consistently(shelf.read, shelf.count)] == shelf.ids


def test_assets_that_are_added_meanwhile_are_read_on_for_without_beginning_anew() -> None:
    shelf = Shelf([f"asset-{number:03}" for number in range(450)], [("append", 0.0)] * 5)

    seen = list_consistently(shelf.read, shelf.count)

    assert [row["id"] for row in seen] == shelf.ids
    assert shelf.reads <= 8


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
        except (Unavailable, ConflictError):
            assert changes, "nothing changed, so there was nothing to give up for"
            return
    assert len(seen) == len(set(seen)), "an asset is listed twice"
    assert shelf.always_there <= set(seen) <= shelf.ever_there


def test_a_position_is_small_however_long_the_listing_is() -> None:
    shelf = Shelf([f"asset-{number:05}" for number in range(20_000)])
    for _, position, _ in read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING):
        assert len(position.recent) <= RECENT
    assert (position.seen, position.offset) == (20_000, 20_000)
    assert shelf.reads <= 205


def test_pages_that_shift_too_far_are_begun_anew() -> None:
    shelf = Shelf([f"asset-{number:05}" for number in range(5_000)])
    pages = read_pages(shelf.read, shelf.count, FROM_THE_BEGINNING)
    for _ in range(30):
        _, position, _ = next(pages)
    del shelf.ids[:2000]
    with pytest.raises(ConflictError, match="begin anew"):
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
                continue
            assert [row["id"] for row in rows] == ids, (after, together)
