"""Archives in memory, the plain way, for tests to compare with."""

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st

from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import Segment, SegmentBuilder
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.splicing.upload_parts import CopyRange, Piece, Source

SAFE_TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\"),
    min_size=1,
    max_size=12,
).filter(lambda part: part not in {".", ".."})
NAMES = st.lists(SAFE_TEXT, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(
    st.binary(max_size=40), st.binary(max_size=4).map(lambda seed: seed * 200), st.just(b"")
)
OWNERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=128)


def segment(files: Mapping[str, bytes], *, owner: str = "clx0", stored: bool = False) -> Segment:
    builder = SegmentBuilder()
    for path, data in files.items():
        builder.add(encode_entry(path, data, owner=owner, stored=stored))
    return builder.finish()


def region_of(path: str) -> Region:
    """Where tests put a file: anything that depends on its name alone."""
    return Region(len(path) % 3)


def additions_of(
    batches: Iterable[Mapping[str, bytes]], *, keep: dict[str, bytes]
) -> list[AddedEntries]:
    """Each batch as additions: inline for every other region, stored in `keep` for the rest."""
    additions = []
    for batch in batches:
        for region in Region:
            files = {path: data for path, data in batch.items() if region_of(path) == region}
            if not files:
                continue
            made = segment(files)
            if region == Region.LABELS:
                additions.append(AddedEntries.inline(made, region))
            else:
                key = f"segment-{len(keep)}"
                keep[key] = b"before" + made.body + b"behind"
                source = Source(key, "etag", len(keep[key]))
                additions.append(
                    AddedEntries.stored(source, 6, len(made.body), made.directory, region)
                )
    return additions


def render(pieces: Sequence[Piece], objects: Mapping[str, bytes]) -> bytes:
    """The bytes that pieces stand for."""
    return b"".join(
        objects[piece.source.key][piece.start : piece.start + piece.length]
        if isinstance(piece, CopyRange)
        else bytes(piece.data[:])
        for piece in pieces
    )


def full_archive(files: Mapping[str, bytes]) -> tuple[bytes, SplicePlan]:
    """An archive of these files, made at once."""
    objects: dict[str, bytes] = {}
    plan = splice(None, (), additions_of([files], keep=objects))
    return render(plan.pieces, objects), plan


def base_of(key: str, archive: bytes, plan: SplicePlan) -> BaseArchive:
    return BaseArchive(Source(key, "etag", len(archive)), plan.directory, plan.regions)
