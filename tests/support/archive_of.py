"""Our archive of a list of assets, as the engine would put it together from nothing."""

from collections.abc import Iterable, Sequence

from kili_export.core.asset import FetchedAsset
from kili_export.core.export_options import ExportOptions
from kili_export.core.project import Project
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    ExportFormat,
    Fragment,
    FragmentStream,
    IdSlot,
    Loss,
    SpanningDocument,
)
from kili_export.formats.common.label_selection import AskedFor
from kili_export.formats.registry import format_of

DATED = "2026-11-22T15:56:38.547063+00:00"


class IdAllocator:
    """Gives every (namespace, asset, key) a number when it is first asked for."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str, str], int] = {}
        self._next: dict[str, int] = {}

    def number(self, asset_id: str, slot: IdSlot) -> int:
        slot.key.encode()  # Keys are stored as text.
        place = (slot.namespace, asset_id, slot.key)
        if place not in self._given:
            number = self._next.get(slot.namespace, slot.first)
            self._given[place] = number
            self._next[slot.namespace] = number + 1
        return self._given[place]


def archive_of(
    project: Project,
    assets: Iterable[FetchedAsset],
    options: ExportOptions,
    ids: IdAllocator | None = None,
) -> dict[str, bytes]:
    """The files of our archive by path; assets come in server order. Checks the options first."""
    writer = format_of(options)
    writer.check(project, options)
    context = ExportContext(project, options, DATED)
    files = {member.path: member.data for member in writer.project_members(context)}
    converted: list[tuple[str, Conversion]] = []
    for asset in filter(AskedFor.by(options).includes, assets):
        conversion = conversion_of(writer, asset, context)
        if conversion is not None:
            converted.append((asset.asset_id, conversion))
            files |= {member.path: member.data for member in conversion.members}
    allocator = ids or IdAllocator()
    for document in writer.documents(context):
        rendered = _rendered(document, converted, allocator)
        if rendered is not None:
            files[document.path] = rendered
    return files


def losses_of(project: Project, asset: FetchedAsset, options: ExportOptions) -> list[Loss]:
    """What our conversion of the asset could not hold."""
    context = ExportContext(project, options, DATED)
    conversion = conversion_of(format_of(options), asset, context)
    return [] if conversion is None else list(conversion.losses)


def conversion_of(
    writer: ExportFormat, asset: FetchedAsset, context: ExportContext
) -> Conversion | None:
    """What the asset becomes, None when the export holds no label of it."""
    selected = writer.select(asset, context)
    return None if selected is None else writer.convert(selected, context)


def _rendered(
    document: SpanningDocument, converted: Sequence[tuple[str, Conversion]], ids: IdAllocator
) -> bytes | None:
    streams = {
        section.stream: [
            _filled(asset_id, fragment, ids)
            for asset_id, conversion in converted
            for fragment in conversion.fragments
            if fragment.stream == section.stream
        ]
        for section in document.sections
        if isinstance(section, FragmentStream)
    }
    if not any(streams.values()):
        if document.omit_when_empty:
            return None
        if document.when_empty is not None:
            return document.when_empty
    return b"".join(
        section if isinstance(section, bytes) else section.separator.join(streams[section.stream])
        for section in document.sections
    )


def _filled(asset_id: str, fragment: Fragment, ids: IdAllocator) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else str(ids.number(asset_id, piece)).encode()
        for piece in fragment.template
    )
