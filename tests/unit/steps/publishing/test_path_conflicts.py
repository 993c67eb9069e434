"""Who has a path that several assets claim, and what is remembered of the others."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.ledger.asset_ledger import PathClaim, PathConflict, entry_name
from kili_export.archives.ledger.contested_paths import ConflictNote, contest_entry_name
from kili_export.archives.ledger.path_conflicts import (
    LocatedClaim,
    Origin,
    PathDecision,
    settle,
    standing_claims,
)
from kili_export.core.errors import IntegrityError

PATH = "labels/a.txt"


def claim(asset_id: str, *, media: bool = False, identity: str = "i", order: str = "") -> PathClaim:
    return PathClaim(asset_id, order or asset_id, f"sha of {asset_id}", identity, media=media)


def standing(*claims: PathClaim) -> dict[str, LocatedClaim]:
    """Claims of before: the first one has the path."""
    origins = [Origin.ARCHIVE, *[Origin.LEDGER] * len(claims)]
    return {
        one.asset_id: LocatedClaim(one, origin)
        for one, origin in zip(claims, origins, strict=False)
    }


def names(settlement: PathDecision) -> tuple[str | None, list[str]]:
    winner = settlement.winner
    lost = [one.claim.asset_id for one in settlement.losers]
    return None if winner is None else winner.claim.asset_id, lost


def settled(*claims: PathClaim, is_folder: bool = False) -> tuple[str | None, list[str]]:
    """The decision between assets that all changed."""
    claimed = {one.asset_id: one for one in claims}
    return names(settle(PATH, {}, claimed, claimed, is_folder=is_folder))


def test_of_label_files_the_last_one_in_server_order_is_kept() -> None:
    assert settled(claim("b"), claim("a"), claim("c")) == ("c", ["a", "b"])
    assert settled(claim("a", order="2"), claim("b", order="1")) == ("a", ["b"])
    assert settled(claim("b", order="1"), claim("a", order="1")) == ("b", ["a"])


def test_of_media_the_first_one_is_kept() -> None:
    media = [claim(name, media=True) for name in "bac"]
    assert settled(*media) == ("a", ["c", "b"])


def test_a_label_file_is_written_over_media() -> None:
    claims = [claim("c", media=True), claim("a"), claim("b"), claim("d", media=True)]
    assert settled(*claims) == ("b", ["d", "c", "a"])


def test_nobody_has_the_name_of_a_folder() -> None:
    assert settled(claim("a"), claim("b"), is_folder=True) == (None, ["a", "b"])
    assert settled() == (None, [])
    assert settled(claim("a")) == ("a", [])


@pytest.mark.parametrize(("count", "contested"), [(0, False), (1, False), (2, True)])
def test_a_path_is_remembered_when_somebody_lost_it(count: int, contested: bool) -> None:
    claimed = {one.asset_id: one for one in map(claim, "ab"[:count])}
    assert settle(PATH, {}, claimed, claimed).contested is contested
    assert settle(PATH, {}, claimed, claimed, is_folder=True).contested is (count > 0)


def test_contents_that_did_not_change_stay_where_they_are() -> None:
    before = standing(claim("a"), claim("b"))
    same = replace(claim("a"), sha256="made again")
    other = claim("b", identity="another")
    found = settle(PATH, before, ["a", "b"], {"a": same, "b": other})
    assert found == PathDecision(PATH, LocatedClaim(other, Origin.CONVERSION), (before["a"],))
    assert settle(PATH, before, ["b"], {"b": claim("b")}).winner == before["b"]


def test_who_changed_and_claims_no_more_is_out() -> None:
    before = standing(claim("b"), claim("a"))
    found = settle(PATH, before, ["b", "stranger"], {})
    assert found == PathDecision(PATH, before["a"], ())
    assert before.keys() == {"a", "b"}, "what stood before was changed"
    # A claim of an asset that did not change is not asked for.
    assert settle(PATH, before, [], {"c": claim("c")}).winner == before["b"]


def test_claims_of_before_come_from_the_ledger_or_from_the_one_that_has_the_path() -> None:
    won, lost = claim("b"), replace(claim("a"), payload=b"kept")
    stored = PathConflict(PATH, (lost, won))
    assert standing_claims(stored, claim("x")) == {
        "a": LocatedClaim(lost, Origin.LEDGER),
        "b": LocatedClaim(won, Origin.ARCHIVE),
    }
    assert standing_claims(None, won) == {"b": LocatedClaim(won, Origin.ARCHIVE)}
    assert standing_claims(None, None) == {}


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.sampled_from("xy"))),
    st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), max_size=4),
)
def test_one_change_after_another_leads_where_all_at_once_do(
    claims: Sequence[tuple[str, bool, str]], steps: Sequence[set[str]]
) -> None:
    claimed = {name: claim(name, media=media, identity=made) for name, media, made in claims}
    current: dict[str, LocatedClaim] = {}
    for changed in [*steps, set("abcdef")]:
        found = settle(PATH, current, sorted(changed), claimed)
        whole = (*found.losers, found.winner)
        current = {one.claim.asset_id: one for one in whole if one is not None}
    assert names(found) == settled(*claimed.values())


class TestContest:
    def test_it_tells_who_has_the_path_and_who_does_not(self) -> None:
        lost = replace(claim("a", order="1"), payload=b"")
        won = claim("b", order="2")
        contest = ConflictNote.of(PathConflict(PATH, (lost, won)))
        assert contest == ConflictNote(PATH, "b", (("a", "1"),))
        ((entry, (reason, place)),) = contest.losses()
        assert entry == entry_name("1", "a")
        assert reason.startswith("another asset's file has the name")
        assert place == f"{PATH} (asset b)"

    def test_a_folder_has_the_path_when_no_asset_has(self) -> None:
        lost = [replace(claim(name), payload=b"x") for name in "ab"]
        contest = ConflictNote.of(PathConflict(PATH, tuple(lost)))
        assert (contest.winner, len(contest.losers)) == (None, 2)
        assert [place for _, (_, place) in contest.losses()] == [PATH, PATH]
        assert all(reason.startswith("a folder") for _, (reason, _) in contest.losses())

    def test_it_is_stored(self) -> None:
        contest = ConflictNote(PATH, None, (("a", "1"), ("b", "2")))
        data = contest.to_bytes()
        assert data == b'["labels/a.txt",null,[["a","1"],["b","2"]]]'
        assert ConflictNote.from_bytes(data) == contest
        assert contest_entry_name("a") == (
            "contests/ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb.json"
        )

    @pytest.mark.parametrize("data", [b"", b"1", b"[1,2]", b'["p",null,[["a"]]]', b'["p",null,1]'])
    def test_what_cannot_be_read_is_refused(self, data: bytes) -> None:
        with pytest.raises(IntegrityError, match="cannot be read"):
            ConflictNote.from_bytes(data)
