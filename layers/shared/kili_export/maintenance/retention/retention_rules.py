"""Which archives, deltas and ledgers nobody needs any more.

Kept are what the current manifest names, what the last generations named in the end, what any
manifest named that was current lately (downloads take long), and what snapshots pin. Everything
else goes, also what crashed runs left, but nothing that was written lately: a run may be about to
name it.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_NAME = re.compile(r".*/(archives|deltas|files|ledgers)/(\d{8,})-[^/]+\.(?:zip|table)")


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What is kept beside the current generation: by number, and by when it was current.

    A ledger is no download: who read the manifest reads its ledger at once, a comparison with Kili
    within one invocation. So those that go by age go after `ledgers`.
    """

    generations: int = 10
    recent: timedelta = timedelta(hours=24)
    ledgers: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object in the bucket and when it was written."""

    key: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Named:
    """What a manifest names: whole objects, and deltas from generation `chain_from` on.

    `until` is when it was current last.
    """

    generation: int
    keys: frozenset[str]
    chain_from: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Retained:
    """What must stay. `chain` are the current manifest's deltas by generation."""

    current: Named
    chain: Mapping[int, str]
    past: tuple[Named, ...] = ()
    pinned: Collection[str] = field(default_factory=frozenset)


def needed(
    past: Sequence[Named], current_generation: int, rules: RetentionRules, now: datetime
) -> tuple[Named, ...]:
    """Those of the former manifests, oldest first, whose objects stay.

    Of several with one generation only the last one counts as that generation: a new ledger and
    an archive that caught up with its deltas leave the number as it is. The others go by age.
    """
    numbered = _by_number(past, current_generation, rules)
    return tuple(one for one in past if one.until >= now - rules.recent or one in numbered)


def expired(
    written: Iterable[WrittenObject], retained: Retained, rules: RetentionRules, now: datetime
) -> list[str]:
    """The keys to delete, out of a listing. Objects with names of another kind stay."""
    former = _former_ledgers(retained, rules, now)
    named = (retained.current, *retained.past)
    kept = frozenset(retained.pinned).union(*(one.keys for one in named))
    oldest_delta = min(one.chain_from for one in named)
    return [
        one.key
        for one in written
        if one.key in former
        or (
            one.modified < now - rules.recent
            and one.key not in kept
            and (match := _NAME.fullmatch(one.key)) is not None
            and not (
                match[1] == "deltas" and _in_a_chain(int(match[2]), one.key, oldest_delta, retained)
            )
        )
    ]


def _former_ledgers(retained: Retained, rules: RetentionRules, now: datetime) -> frozenset[str]:
    """Ledgers that were named, and that nobody reads any more though what they tell of is kept."""
    numbered = _by_number(retained.past, retained.current.generation, rules)
    since = now - min(rules.ledgers, rules.recent)
    read = [one for one in retained.past if one.until >= since or one in numbered]
    kept = frozenset(retained.pinned).union(*(one.keys for one in (retained.current, *read)))
    named = frozenset[str]().union(*(one.keys for one in retained.past))
    return frozenset(
        key for key in named - kept if (match := _NAME.fullmatch(key)) and match[1] == "ledgers"
    )


def _by_number(
    past: Iterable[Named], current_generation: int, rules: RetentionRules
) -> frozenset[Named]:
    """The last manifests of each of the last generations."""
    last = {one.generation: one for one in past}
    oldest = current_generation - rules.generations
    return frozenset(one for number, one in last.items() if oldest <= number < current_generation)


def _in_a_chain(generation: int, key: str, oldest: int, retained: Retained) -> bool:
    """Whether a delta leads from a generation that is kept to the current one."""
    if not oldest <= generation <= retained.current.generation:
        return False
    return retained.chain.get(generation, key) == key
