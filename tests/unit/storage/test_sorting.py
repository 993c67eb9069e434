"""What is sorted in files comes out as what is sorted in memory."""

from hypothesis import given
from hypothesis import strategies as st

from kili_export.storage.external_sort import ExternalSorter, SortedDocuments, grouped, joined


@given(st.lists(st.binary(max_size=200), max_size=40), st.integers(0, 2_000), st.integers(0, 40))
def test_items_come_out_in_order_however_many_fit_into_memory(
    items: list[bytes], in_memory: int, settled_after: int
) -> None:
    sorter = ExternalSorter(in_memory)
    for number, item in enumerate(items):
        if number == settled_after:
            sorter.settle()
        sorter.add(item)
    assert list(sorter) == sorted(items)
    assert list(sorter) == sorted(items), "it can be read again"


def test_items_longer_than_what_is_read_at_once_come_out_whole() -> None:
    items = [bytes([number]) * (1 << 19) for number in (3, 1, 2)]
    sorter = ExternalSorter(1)
    for item in items:
        sorter.add(item)
    assert list(sorter) == sorted(items)


@given(st.lists(st.binary(min_size=1, max_size=3), max_size=20))
def test_groups_are_of_neighbours(items: list[bytes]) -> None:
    ordered = sorted(items)
    groups = list(grouped(ordered, lambda item: item[:1]))
    assert [item for group in groups for item in group] == ordered
    assert [group[0][:1] for group in groups] == sorted({item[:1] for item in items})


@given(st.lists(st.dictionaries(st.binary(max_size=2), st.integers()), min_size=1, max_size=4))
def test_streams_are_joined_by_key(tables: list[dict[bytes, int]]) -> None:
    found = list(joined(*(sorted(table.items()) for table in tables)))
    keys = sorted({key for table in tables for key in table})
    assert found == [(key, [table.get(key) for table in tables]) for key in keys]


@given(st.lists(st.tuples(st.text("ab/é😀-\x01", max_size=5), st.integers(0, 9))))
def test_documents_come_by_the_bytes_of_their_paths(rows: list[tuple[str, int]]) -> None:
    documents = SortedDocuments()
    for path, number in rows:
        documents.add(path, [number])
    assert len(documents) == len(rows)
    assert sorted(documents) == sorted((path.encode(), [number]) for path, number in rows)
    keys = [key for key, _ in documents]
    assert keys == sorted(keys)
