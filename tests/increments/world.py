"""Kili as a history changes it, and the marks that events leave."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from kili_export.core.asset import FetchedAsset
from kili_export.local.kili_standin.projects.pictures import encode_png
from tests.increments.kinds import Kind, State
from tests.increments.sequences import NAMES, SLOTS, Event
from tests.support.kili_samples import Json, asset, fetched, label
from tests.support.workbench import AssetsOfKili

_TYPES = ("DEFAULT", "REVIEW", "PREDICTION", "AUTOSAVE")
_AUTHORS = (
    {"id": "u1", "email": "a@b.c", "firstname": "Ada", "lastname": "Löwe"},
    {"id": "u2", "email": "d@e.f", "firstname": "Bo", "lastname": "Bäcker"},
)
_SITES = (None, "north", "south", {"x": [1]})


@dataclass(frozen=True, slots=True)
class _Asset:
    """An asset of Kili. `life` counts the assets that had its slot before."""

    slot: int
    name: str
    life: int = 0
    responses: tuple[int, ...] = (0,)
    first: int = 0
    """How many labels it had before these, which went."""
    label_type: str = "DEFAULT"
    sent_back: bool | None = False
    size: int = 0
    version: int = 0
    site: int = 0

    @property
    def key(self) -> str:
        return f"as_{self.slot}" + (f".{self.life}" if self.life else "")

    @property
    def order_key(self) -> str:
        """Assets that come later are later in the server's order."""
        return f"{self.life:03d}/{self.key}"


_CHANGES: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "label": lambda value: {"responses": (value,)},
    "two labels": lambda value: {"responses": (value, value + 1)},
    "unlabel": lambda _: {"responses": ()},
    "type": lambda value: {"label_type": _TYPES[value % 4]},
    "send back": lambda value: {"sent_back": (True, False, None)[value % 3]},
    "rename": lambda value: {"name": _name(value)},
    "resolution": lambda value: {"size": value},
    "group": lambda value: {"site": value},
}
"""What an event changes of an asset that stays, by its value."""


@dataclass
class World:
    """What Kili has. `marked` are the assets that the next run is told of, `late` those after."""

    kind: Kind
    kili: AssetsOfKili = field(default_factory=AssetsOfKili)
    marked: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    _assets: dict[int, _Asset] = field(default_factory=dict)
    _lives: dict[int, int] = field(default_factory=dict)
    _fetch: int = 0

    def begin(self) -> None:
        """Half of the assets are there from the beginning."""
        for slot in range(0, SLOTS, 2):
            self._put(_Asset(slot, NAMES[slot], responses=(slot,)))
        self.refresh()

    def happen(self, events: tuple[Event, ...]) -> None:
        """Changes Kili. What broke is healed first, and marked again."""
        self.marked |= self.late | self.kili.broken
        self.late, self.kili.broken = set(), set()
        for event in events:
            self._happen(event)
        self.refresh()

    def refresh(self) -> None:
        """Every answer bears new signatures."""
        self._fetch += 1
        self.kili.assets = {one.key: self._answered(one) for one in self._assets.values()}

    @property
    def settled(self) -> bool:
        """Whether the runs so far were told of everything, and could read it."""
        return not self.late and not self.kili.broken

    def _happen(self, event: Event) -> None:
        if event.kind == "late":
            # The marks so far come after the next run alone.
            self.late |= self.marked
            self.marked = set()
            return
        one = self._assets.get(event.slot)
        if one is None:
            life = self._lives.get(event.slot, 0)
            self._put(_Asset(event.slot, _name(event.value), life, (event.value,)))
            return
        self.marked.add(one.key)
        self._change(one, event)

    def _change(self, one: _Asset, event: Event) -> None:
        if event.kind in _CHANGES:
            self._put(replace(one, **_CHANGES[event.kind](event.value)))
        elif event.kind == "media":
            self._put(replace(one, version=one.version + 1))
        elif event.kind == "first label goes":
            if len(one.responses) > 1:
                self._put(replace(one, responses=one.responses[1:], first=one.first + 1))
        elif event.kind == "break":
            self.kili.broken.add(one.key)
        elif event.kind == "hide":
            self.kili.hidden_by_filters ^= {one.key}
        elif event.kind != "touch":
            self._remove(one)
            if event.kind == "recreate":
                self._put(replace(one, life=self._lives[one.slot]))
            elif event.kind == "recreate under another name":
                self._put(replace(one, life=self._lives[one.slot], name=_name(event.value)))

    def _put(self, one: _Asset) -> None:
        self._assets[one.slot] = one
        self.marked.add(one.key)

    def _remove(self, one: _Asset) -> None:
        del self._assets[one.slot]
        self._lives[one.slot] = one.life + 1
        self.kili.broken.discard(one.key)

    def _answered(self, one: _Asset) -> FetchedAsset:
        stored = self.kind.stored(State(one.key, one.size, one.version, self._fetch))
        for path, content_type in stored.files.items():
            self.kili.files[path] = (_contents(path, content_type), content_type)
        site = _SITES[one.site % len(_SITES)]
        metadata: Json = {} if site is None else {"site": site}
        answer = asset(0, one.name, *self._labels(one), jsonMetadata=metadata)
        made = fetched({**answer, "id": one.key, **stored.fields}, stored.json_content)
        return replace(made, order_key=one.order_key, fingerprint=repr(astuple(one)))

    def _labels(self, one: _Asset) -> list[Json]:
        pool = self.kind.responses
        return [
            label(
                pool[index % len(pool)],
                id=f"la_{one.first + place}",
                author=_AUTHORS[index % 2],
                labelType=one.label_type,
                isSentBackToQueue=one.sent_back if place == 0 else False,
                isLastForStep=place == len(one.responses) - 1,
            )
            for place, index in enumerate(one.responses)
        ]


def _name(value: int) -> str:
    return NAMES[value % len(NAMES)]


def _contents(path: str, content_type: str) -> bytes:
    if not content_type.startswith("image/"):
        return f"contents of {path}".encode()
    side = 5 + len(path) % 7
    return encode_png([bytearray(side)] * (side + 1), [(0, 0, 0)]) + path.encode()
