"""Numbers that are allocated once and then kept, and the fragments that bear them."""

from collections.abc import Mapping

from kili_export.domain.conversion import PendingFragment
from kili_export.domain.formats.base import IdSlot
from kili_export.domain.ledger import FragmentRecord

Ids = dict[str, dict[str, int]]


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
        filled = tuple(
            FragmentRecord(
                stream=fragment.stream,
                text="".join(
                    item if isinstance(item, str) else str(self._number(item, ids))
                    for item in fragment.template
                ),
                identity=fragment.identity,
            )
            for fragment in fragments
        )
        return filled, ids

    def _number(self, slot: IdSlot, ids: Ids) -> int:
        numbers = ids.setdefault(slot.namespace, {})
        if slot.key not in numbers:
            number = max(self._next.get(slot.namespace, slot.first), slot.first)
            numbers[slot.key] = number
            self._next[slot.namespace] = number + 1
        return numbers[slot.key]
