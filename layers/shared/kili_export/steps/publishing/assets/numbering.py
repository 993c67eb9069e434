"""Numbers that are allocated once and then kept, and the fragments that bear them."""

from collections.abc import Mapping

from kili_export.archives.ledger.asset_ledger import FragmentRecord
from kili_export.formats.common.format import IdSlot
from kili_export.runs.segment_records import PendingFragment

Ids = dict[str, dict[str, int]]
_Slots = dict[tuple[str, str], IdSlot]


class Numbering:
    """Allocates numbers, each namespace a sequence of its own that never gives one twice."""

    def __init__(self, next_ids: Mapping[str, int]) -> None:
        self._next = dict(next_ids)

    @property
    def next_ids(self) -> dict[str, int]:
        """The next number of each namespace."""
        return dict(self._next)

    def fill(
        self, fragments: tuple[PendingFragment, ...], kept: Mapping[str, Mapping[str, int]]
    ) -> tuple[tuple[FragmentRecord, ...], Ids]:
        """The fragments with their numbers, and all numbers of the asset.

        Numbers in `kept` stay the asset's own for as long as it exists, also while nothing bears
        them.
        """
        ids: Ids = {namespace: dict(numbers) for namespace, numbers in kept.items()}
        slots: _Slots = {
            (item.namespace, item.key): item
            for fragment in fragments
            for item in fragment.template
            if isinstance(item, IdSlot)
        }
        numbers = _known(slots, ids)
        for place, slot in slots.items():
            if place not in numbers:
                numbers[place] = self._new(slot)
        _remember(slots, numbers, ids)
        filled = tuple(
            FragmentRecord(
                stream=fragment.stream,
                text="".join(
                    item if isinstance(item, str) else str(numbers[item.namespace, item.key])
                    for item in fragment.template
                ),
                identity=fragment.identity,
            )
            for fragment in fragments
        )
        return filled, ids

    def _new(self, slot: IdSlot) -> int:
        number = max(self._next.get(slot.namespace, slot.first), slot.first)
        self._next[slot.namespace] = number + 1
        return number


def _known(slots: _Slots, ids: Ids) -> dict[tuple[str, str], int]:
    """The numbers that are there already. Who has the closer key comes before who has another."""
    numbers: dict[tuple[str, str], int] = {}
    taken: set[tuple[str, int]] = set()
    closeness = 0
    remaining = slots
    while remaining:
        for place, slot in remaining.items():
            number = ids.get(slot.namespace, {}).get(slot.keys[closeness])
            if number is not None and (slot.namespace, number) not in taken:
                numbers[place] = number
                taken.add((slot.namespace, number))
        closeness += 1
        remaining = {
            place: slot
            for place, slot in remaining.items()
            if place not in numbers and len(slot.keys) > closeness
        }
    return numbers


def _remember(slots: _Slots, numbers: Mapping[tuple[str, str], int], ids: Ids) -> None:
    """Lets every number be found by the keys of who has it, and by nobody else's."""
    bearers = {(slot.namespace, numbers[place]) for place, slot in slots.items() if slot.others}
    # Not over a set of texts: each process has its own order of one, and this order is stored.
    for namespace in {slot.namespace: None for slot in slots.values() if slot.others}:
        ids[namespace] = {
            key: number
            for key, number in ids.get(namespace, {}).items()
            if (namespace, number) not in bearers
        }
    # Of several that share a key, the first one is found by it.
    for place, slot in reversed(slots.items()):
        ids.setdefault(slot.namespace, {}).update(dict.fromkeys(slot.keys, numbers[place]))
