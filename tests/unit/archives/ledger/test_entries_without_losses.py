"""An asset's entry tells at first sight whether the asset loses something."""

from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.ledger.asset_ledger import (
    AssetRecord,
    FileRecord,
    FragmentRecord,
    loses_nothing,
    record_to_bytes,
)

LIKE_IT = '"losses":[],"exported":'
TEXTS = st.one_of(
    st.text(max_size=5), st.sampled_from([LIKE_IT, f"[[]],{LIKE_IT}true", "\\" + LIKE_IT])
)


@given(st.lists(TEXTS, min_size=7, max_size=7), st.lists(st.tuples(TEXTS, TEXTS), max_size=2))
def test_only_entries_of_assets_that_lose_nothing_look_so(
    texts: list[str], losses: list[tuple[str, str]]
) -> None:
    name, path, stream, text, namespace, key, fingerprint = texts
    record = AssetRecord(
        "as_1",
        "2026",
        name,
        fingerprint,
        members=(FileRecord(path, "sha", "identity"),),
        fragments=(FragmentRecord(stream, text, "identity"),),
        ids={namespace: {key: 1}},
        losses=tuple(losses),
    )
    assert loses_nothing(record_to_bytes(record)) == (not losses)
