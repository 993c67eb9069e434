"""An archive that is assembled out of segments is the one that would be made of what stays."""

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from kili_export.splicing.assembly import VirtualArchive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import Entry, encode_entry
from kili_export.splicing.regions import Gap, Region
from kili_export.splicing.splice import AssembledArchive, splice, whole_archive
from kili_export.splicing.upload_parts import Source
from tests.unit.splicing.simple_archives import CONTENTS, NAMES, render

FILES = st.dictionaries(
    NAMES,
    st.tuples(
        CONTENTS, st.sampled_from([Region.MEDIA, Region.LABELS]), st.booleans(), st.integers(0, 2)
    ),
    max_size=12,
)


@given(FILES)
def test_what_is_in_gaps_leaves_no_byte(
    files: dict[str, tuple[bytes, Region, bool, int]],
) -> None:
    entries = {path: encode_entry(path, data) for path, (data, *_) in files.items()}
    objects, starts = _objects(files, entries)
    assembly, places = VirtualArchive(), {}
    for path, (_, region, _, number) in files.items():
        source = Source(f"batch{number}", "etag", len(objects[f"batch{number}"]))
        at = assembly.place(region, source, starts[path], len(entries[path].local))
        places[path] = (region, at)
    offsets = {path: assembly.regions.span(region)[0] + at for path, (region, at) in places.items()}
    stays = [path for path, (_, _, kept, _) in files.items() if kept]
    gaps = [Gap(offsets[path], len(entries[path].local)) for path in files if path not in stays]
    directory = Directory.from_records(entries[path].record(offsets[path]) for path in stays)
    plan = splice(AssembledArchive(assembly, directory, gaps), (), [])
    archive = render(plan.pieces, objects)
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert {name: read.read(name) for name in read.namelist()} == {
            path: files[path][0] for path in stays
        }
    entries_size = sum(len(entries[path].local) for path in stays)
    assert plan.regions.documents_end == entries_size
    assert len(archive) == plan.size


def test_neighbours_of_a_batch_are_one_piece() -> None:
    assembly = VirtualArchive()
    first, second = Source("a", "etag", 100), Source("b", "etag", 100)
    for source, start in ((first, 10), (first, 20), (second, 30), (first, 30), (first, 50)):
        assembly.place(Region.LABELS, source, start, 10)
    pieces = [(piece.source.key, piece.start, piece.length) for piece in assembly.pieces(5, 40)]
    assert pieces == [("a", 15, 15), ("b", 30, 10), ("a", 30, 10), ("a", 50, 5)]


@given(st.dictionaries(NAMES, CONTENTS, max_size=6))
def test_entries_at_hand_become_a_whole_archive(files: dict[str, bytes]) -> None:
    entries = [encode_entry(path, data) for path, data in files.items()]
    plan = whole_archive(
        b"".join(entry.local for entry in entries), Directory.from_entries(entries)
    )
    archive = render(plan.pieces, {})
    assert len(archive) == plan.size
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert {name: read.read(name) for name in read.namelist()} == files


def _objects(
    files: dict[str, tuple[bytes, Region, bool, int]], entries: dict[str, Entry]
) -> tuple[dict[str, bytes], dict[str, int]]:
    """Three batches, each with its files' entries one after another, and where these begin."""
    objects = {f"batch{number}": b"" for number in range(3)}
    starts = {}
    for path, (_, _, _, number) in files.items():
        starts[path] = len(objects[f"batch{number}"])
        objects[f"batch{number}"] += entries[path].local
    return objects, starts
