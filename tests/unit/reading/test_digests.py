"""Contents are told by one SHA-256, or by one for each shard, in whatever chunks they come."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.digests import DigestCheck, digest_of_shards, shards_of_digest
from kili_export.core.errors import IntegrityError

CHUNKS = st.lists(st.binary(max_size=30), max_size=8)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def matches(digest: str, chunks: list[bytes]) -> bool:
    check = DigestCheck(digest)
    for chunk in chunks:
        check.update(chunk)
    return check.matches()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_shards_match_their_contents_and_no_others(
    shards: list[bytes], data: st.DataObject
) -> None:
    digest = digest_of_shards((len(shard), sha256(shard)) for shard in shards)
    assert shards_of_digest(digest) == [(len(shard), sha256(shard)) for shard in shards]
    whole = b"".join(shards)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    ends = [*cuts, len(whole)]
    chunks = [whole[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert matches(digest, chunks)
    assert not matches(digest, [*chunks, b"x"])
    if whole:
        at = data.draw(st.integers(0, len(whole) - 1))
        assert not matches(digest, [whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]])
        assert not matches(digest, [whole[:-1]])


@given(CHUNKS, st.binary(min_size=1, max_size=10))
def test_a_single_digest_is_that_of_everything(chunks: list[bytes], more: bytes) -> None:
    digest = sha256(b"".join(chunks))
    assert shards_of_digest(digest) is None
    assert matches(digest, chunks)
    assert not matches(digest, [*chunks, more])


def test_nothing_matches_no_digest() -> None:
    assert not matches("", [])
    assert not matches("", [b"x"])


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(IntegrityError):
        DigestCheck("5:abc,x")
