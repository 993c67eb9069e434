"""A ledger in tables says what was written last, in the order of its names."""

from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_entries import TabledEntries
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.manifest import TableReference
from kili_export.archives.tables import open_tables, store_table, with_changes
from kili_export.splicing.upload_parts import BufferPart
from kili_export.steps.publishing.documents.spanning_documents import DatasetFileChanges
from kili_export.steps.publishing.increment.ledger_changes import ledger_changes
from tests.support.fakes import InMemoryObjects

NUMBERS = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)


@given(
    steps=st.lists(st.tuples(NUMBERS, st.booleans(), st.booleans()), min_size=1, max_size=6),
)
def test_a_ledger_is_what_was_written_last(steps: list[tuple[list[int], bool, bool]]) -> None:
    """Assets come, change, move and go; tables are joined, or another one follows them."""
    objects = InMemoryObjects()
    references: tuple[TableReference, ...] = ()
    expected: dict[str, AssetRecord] = {}
    for version, (numbers, leave, follows) in enumerate(steps):
        old = {f"as{n}": expected[f"as{n}"] for n in numbers if f"as{n}" in expected}
        new = {
            f"as{n}": AssetRecord(f"as{n}", f"o{(n + version) % 3}", f"v{version}", "f")
            for n in numbers
            if not leave
        }
        changes = ledger_changes(old, new, set(old) - set(new), {}, DatasetFileChanges({}))
        for asset_id in set(old) - set(new):
            del expected[asset_id]
        expected |= new
        pairs = sorted((name.encode(), data) for name, data in changes.items())
        tables = open_tables(objects, references)
        changed = with_changes(references, tables, pairs, 0 if follows else 1 << 20)
        stored = store_table(
            lambda key, pieces: objects.compose(key, [BufferPart(tuple(pieces))]),
            f"ledger{version}",
            changed.written,
        )
        references = (*changed.kept, stored)
    ledger = LedgerReader(TabledEntries(open_tables(objects, references)))
    in_order = sorted(expected.values(), key=lambda record: record.entry_name)
    assert all(found == wanted for found, wanted in zip_longest(ledger.all(), in_order))
    assert ledger.find(dict.fromkeys([*expected, "none"])) == expected
    assert list(ledger.names(expected)) == [record.asset_id for record in in_order]
    fresh = AssetRecord("as5", "o5", "fresh", "f")
    gone = {expected["as5"].entry_name} if "as5" in expected else set()
    others = [record for record in in_order if record.asset_id != "as5"]
    merged = sorted([*others, fresh], key=lambda record: record.entry_name)
    assert list(ledger.merged([fresh], gone)) == merged
