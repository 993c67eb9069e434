"""What a format must provide, and what it gives: members, fragments, losses.

Formats are map and reduce. `convert` turns one asset into the archive members that are its own
and into fragments of the documents that span the dataset; `documents` says how those documents
are put together from the fragments of all assets. Nothing here knows of storage or increments.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.export_options import ExportOptions
from kili_export.core.media import MediaRequest
from kili_export.core.project import Project


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive.

    `path` is a safe relative path. `identity` is what is compared to tell whether the contents
    changed, where that is not the bytes themselves: the bytes without what differs on every
    fetch, such as the signatures of URLs.
    """

    path: str
    data: bytes
    identity: bytes | None = None


@dataclass(frozen=True, slots=True)
class IdSlot:
    """A place in a fragment where a number goes that is allocated once and then kept.

    `namespace` names the sequence (its numbers never repeat), `key` names within the asset what
    is numbered: equal keys of one asset get equal numbers, in every later version of it. `first`
    is the sequence's first number, the same in every slot of a namespace. What was not known by
    its key is looked for by `others`, the closest one first, and has the number that it finds
    unless another has it.
    """

    namespace: str
    key: str
    first: int = 0
    others: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All that it is known by, the closest first."""
        return (self.key, *self.others)


@dataclass(frozen=True, slots=True)
class Fragment:
    """One asset's share of a spanning document: text with slots for allocated numbers.

    `stream` names the sequence of fragments that it belongs to. `identity` as in Member.
    """

    stream: str
    template: tuple[bytes | IdSlot, ...]
    identity: bytes | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of an asset that the format cannot hold, or that was skipped, and why.

    `reason` is a short constant sentence; `where` names the label, job or annotation by its id.
    """

    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one asset becomes in one export."""

    members: tuple[Member, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class FragmentStream:
    """Where all fragments of a stream go, in server order, `separator` between them."""

    stream: str
    separator: bytes


@dataclass(frozen=True, slots=True)
class SpanningDocument:
    """A file made of every asset's fragments: literal bytes and streams, one after another.

    With `omit_when_empty` there is no file when none of its streams has a fragment; otherwise
    `when_empty`, if given, is its whole content then.
    """

    path: str
    sections: tuple[bytes | FragmentStream, ...]
    omit_when_empty: bool = False
    when_empty: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExportContext:
    """What every asset of an export shares, equal to itself alone: a key for what is derived of it.

    `dated` is the date that files of the archive bear, as ISO-8601 in UTC: when this dataset
    was first exported with these options and this interface. It comes from the export's state
    and not from the clock, so that the same state gives the same bytes.
    """

    project: Project
    options: ExportOptions
    dated: str


class ExportFormat(Protocol):
    """One format. Implementations hold no state and are safe to share between threads."""

    @property
    def version(self) -> str:
        """Changes whenever the same asset would be converted to other bytes than before."""

    def check(self, project: Project, options: ExportOptions) -> None:
        """Raises IncompatibleProject, naming the way out, when this cannot be exported."""

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """The labels of the asset that this export holds; None when it holds none."""

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The files that come along: media with `with_assets`, and what answers consist of.

        Raises AssetError.
        """

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """The asset's files and fragments. Raises AssetError when it cannot be exported."""

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """Files that depend on the project alone: README, class files."""

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """The names of the jobs whose answers the files hold, as far as the format can."""

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """The documents that span the dataset."""


@dataclass(slots=True)
class LossCollector:
    """Gathers what a conversion could not hold."""

    losses: list[Loss] = field(default_factory=list)

    def add(self, reason: str, where: str = "") -> None:
        """Notes one loss."""
        self.losses.append(Loss(reason, where))
