"""What an archive gains from a run, as the splice wants it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import Entry
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import SegmentBuilder
from kili_export.steps.publishing.assets.converted_assets import LocatedMember


def asset_additions(
    located: Iterable[LocatedMember], restored: Iterable[tuple[Region, Entry]]
) -> list[AddedEntries]:
    """Files of assets: entries that conversions wrote, and entries that are at hand.

    In the server's order of their assets, whatever the batches were: a full export of the same
    state gives the same bytes, and batches, which are in that order too, are copied whole.
    """
    members, at_hand = list(located), list(restored)
    additions: list[AddedEntries] = []
    for region in (Region.MEDIA, Region.LABELS):
        runs = _runs(item for item in members if item.region is region)
        additions += (_stored(run, region) for run in runs)
        additions += inline_additions((e for of, e in at_hand if of is region), region)
    return additions


def inline_additions(entries: Iterable[Entry], region: Region) -> list[AddedEntries]:
    """Entries that are at hand, as one addition; none for no entries."""
    builder = SegmentBuilder()
    for entry in entries:
        builder.add(entry)
    return [AddedEntries.inline(builder.finish(), region)] if len(builder) else []


def _runs(located: Iterable[LocatedMember]) -> Iterator[list[LocatedMember]]:
    """Entries that follow each other here as they do in one object."""
    run: list[LocatedMember] = []
    for item in sorted(located, key=lambda item: item.position):
        if run and (item.source != run[-1].source or item.start != _end(run[-1])):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _end(item: LocatedMember) -> int:
    return item.start + item.member.record.local_length


def _stored(run: Sequence[LocatedMember], region: Region) -> AddedEntries:
    start = run[0].start
    directory = Directory.from_records(
        replace(item.member.record, offset=item.start - start) for item in run
    )
    return AddedEntries.stored(run[0].source, start, _end(run[-1]) - start, directory, region)
