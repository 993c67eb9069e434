"""Random histories of a project: what happens to its assets, and when runs take it up."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from kili_export.core.export_options import Authors, ExportOptions
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.increments.choices import legal_options

SLOTS = 6
LONG = "x" * 300
NAMES = (
    *("a.jpg", "a.png", "a", "A.jpg", "a.JPG", "a.jpg_label1", "a_1", "a_label1.jpg"),
    *("b b.jpg", "b_b.jpg", "d/c.jpg", "d\\c.jpg", "d/../c.jpg", "../c.jpg", "c.jpg", "d"),
    *("caf\u00e9.jpg", "cafe\u0301.jpg", "v1.2", "CON.jpg", "_CON.jpg", "tab\there", "tab_here"),
    *(f"{LONG}.jpg", f"{LONG}y.jpg", "labels/a.txt", "remote_assets.csv", "labels.json", "", "/"),
    *("as_0.jpg", "a-as_0.jpg", "video_meta.json", "=1+1.tif", 'q"u,o\nte.jpg', "README.kili.txt"),
    *("data.yaml", "classes.txt", "labels/a.jpg", "labels"),
    *("a.json/b.jpg", "a.txt/b.jpg", "a.jpg/c.jpg", "a.jpg.xml/c.jpg"),
)
EVENTS = (
    *("label", "label", "label", "two labels", "first label goes", "unlabel", "type", "send back"),
    *("rename", "rename", "rename", "delete", "recreate", "recreate under another name"),
    *("resolution", "media", "touch", "break", "hide", "group", "late"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to an asset; `value` says which of the possible changes it is."""

    kind: str
    slot: int
    value: int


@dataclass(frozen=True, slots=True)
class Step:
    """Events that one run takes up together. `mode` is that run's."""

    events: tuple[Event, ...]
    mode: str


@dataclass(frozen=True, slots=True)
class History:
    """A project's life. `exports` are followed by name, formats of their own."""

    exports: tuple[ExportOptions, ...]
    steps: tuple[Step, ...]
    batch_size: int
    spliced: bool
    sharding: ShardRules


_EVENT = st.builds(
    Event,
    st.sampled_from(EVENTS),
    st.integers(0, SLOTS - 1),
    st.integers(0, 63),
)
_STEP = st.builds(
    Step,
    st.lists(_EVENT, min_size=1, max_size=6).map(tuple),
    st.sampled_from(("increment",) * 6 + ("rebuild", "interface")),
)
_SHARDINGS = (
    ShardRules(),
    ShardRules(threshold=0, target=1, overhead=0),
    ShardRules(threshold=200, target=500, overhead=50),
    ShardRules(threshold=1_500, target=1_000, overhead=0),
)
"""As it is, then documents in shards of one fragment each, of several, and some of them only."""
_SELECTIONS: tuple[dict[str, Any], ...] = (
    *({},) * 6,
    {"asset_ids": ("as_0", "as_2", "as_3.1", "as_4")},
    {"external_ids": NAMES[::2]},
    {"filters": {"skipped": False}},
    {"asset_ids": ()},
)


@st.composite
def histories(draw: st.DrawFn, kind: str) -> History:
    """A history of a project of this kind, followed by an export of every format that fits."""
    exports = []
    for options in legal_options(kind).values():
        one = draw(st.sampled_from(options))
        one = replace(
            one,
            include_sent_back_labels=draw(st.booleans()),
            label_type_in=draw(st.sampled_from((("DEFAULT", "REVIEW"), ("REVIEW",)))),
            authors=draw(st.sampled_from((*(Authors.KEEP,) * 3, *Authors))),
            **draw(st.sampled_from(_SELECTIONS)),
        )
        exports.append(one)
    return History(
        tuple(exports),
        tuple(draw(st.lists(_STEP, min_size=1, max_size=6))),
        draw(st.sampled_from((1, 2, 50))),
        draw(st.booleans()),
        draw(st.sampled_from(_SHARDINGS)),
    )
