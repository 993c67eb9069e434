"""Files bear dates that come from labels and contents, and from nothing else."""

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.core.dos_time import (
    FORMER_DATE,
    LATEST_STEP,
    dos_date,
    moment_of,
    step_of,
)
from kili_export.core.errors import IntegrityError
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.core.file_dates import (
    MOST_MOMENTS,
    LabelDates,
    Moments,
    date_of,
    dated_identity,
    moments_of,
    newest_moments,
)
from kili_export.core.project import Project
from kili_export.formats.common.format import Conversion, Member
from kili_export.formats.common.label_selection import moments_of_labels, select_labels
from kili_export.runs.segment_records import ConvertedAsset, SegmentWriter
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_deltas_follow import SELDOM

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
IDENTITIES = st.binary(min_size=32, max_size=32).map(bytes.hex)
SECONDS = st.integers(0, 3 * 86_400)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def creations(seconds: Sequence[float]) -> Moments:
    return newest_moments(moment for one in seconds for moment in moments_of(at(one)))


def dated(moments: Moments, identity: str) -> datetime:
    return moment_of(date_of(moments, identity))


@given(st.integers(0, LATEST_STEP))
@example(0)
@example(LATEST_STEP)
def test_a_step_survives_what_zip_writes(step: int) -> None:
    assert step_of(moment_of(dos_date(step))) == step


@pytest.mark.parametrize("date", [0, 0xFFFF_FFFF, 0x0201_4B50])
def test_a_date_that_no_calendar_has_is_no_crash(date: int) -> None:
    assert moment_of(date) == moment_of(FORMER_DATE) == datetime(1980, 1, 1, tzinfo=UTC)


@given(st.lists(SECONDS, max_size=8), SECONDS, IDENTITIES, IDENTITIES)
def test_a_newer_label_dates_a_file_later(
    before: list[int], newest: int, one: str, other: str
) -> None:
    older = [second for second in before if second // 2 < newest // 2]
    if older:
        assert dated(creations(older), one) < dated(creations([*older, newest]), other)


@given(IDENTITIES, IDENTITIES)
def test_files_are_dated_within_the_day_before_their_label(one: str, other: str) -> None:
    for identity in (one, other):
        assert NOON - DAY <= dated(creations([0]), identity) < NOON


def test_other_contents_have_another_date_also_where_labels_follow_at_once() -> None:
    identities = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(100)]
    for seconds in ([0], [0, 600], [0, 30, 60, 90]):
        assert len({date_of(creations(seconds), one) for one in identities}) > 95


@pytest.mark.parametrize("written", [None, "", "yesterday", 7, "0001-01-01", "1979-12-31T23:00Z"])
def test_nothing_is_dated_before_what_every_time_zone_can_say(written: object) -> None:
    for number in range(1000):
        found = dated(moments_of(written), f"{number << 180:064x}")
        assert datetime(1980, 1, 3, tzinfo=UTC) <= found < datetime(1980, 1, 4, tzinfo=UTC)


def test_dates_that_zip_cannot_say_are_the_last_one_that_it_can() -> None:
    late = moments_of("9999-12-31T00:00:00Z")
    assert dated(late, "f" * 64).year == 2107


def test_an_edit_dates_a_file_later_than_its_creation_and_a_quick_one_is_part_of_it() -> None:
    created, edited = moments_of(at(0)), moments_of(at(0), at(3600))
    assert dated(created, "f" * 64) < dated(edited, "0" * 64)
    again = moments_of(at(0), at(3600 + 130))
    assert dated(edited, "f" * 64) < dated(again, "0" * 64)
    assert moments_of(at(0), at(60)) == moments_of(at(0))


def test_a_date_depends_on_the_newest_moments_alone() -> None:
    moments = creations(range(0, 4000, 2))
    assert len(moments) == MOST_MOMENTS
    assert moments[-1] == moments_of(at(3998))[0]


def test_contents_and_date_tell_a_change() -> None:
    assert len({dated_identity(one, date) for one in ("a", "b") for date in (1, 2)}) == 4


def test_labels_of_other_types_and_later_ones_do_not_date_a_file() -> None:
    shown = label({}, id="b", createdAt=at(100))
    found = replace(
        fetched(asset(1, "a.jpg", shown)),
        label_dates=(
            LabelDates("a", "DEFAULT", at(50)),
            LabelDates("b", "DEFAULT", at(100), at(1000)),
            LabelDates("c", "AUTOSAVE", at(60)),
            LabelDates("d", "REVIEW", at(2000)),
        ),
    )
    options = ExportOptions("yolo_v8", export_type=ExportType.LATEST)
    selected = select_labels(found, options, honours_sent_back=False)
    assert selected is not None
    expected = (*moments_of(at(50)), *moments_of(at(100), at(1000)))
    assert moments_of_labels(found, selected, options) == expected


OPTIONS = {
    "raw": ExportOptions("kili"),
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED, with_assets=True),
    "yolo_split": ExportOptions("yolo_v5", layout=Layout.SPLIT),
    "voc": ExportOptions("pascal_voc", layout=Layout.MERGED),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
    "coco_split": ExportOptions("coco", layout=Layout.SPLIT),
}
NAMES = ("a.jpg", "b b.jpg", "b_b.jpg", "d/c.jpg")


def two_jobs(*more: str) -> Project:
    return project({"CARS": job(["BIG"]), "SIGNS": job(["STOP", *more])})


def bench_of(**more: Any) -> Workbench:
    return Workbench(two_jobs(), OPTIONS, **more)


def put(
    bench: Workbench, number: int, seconds: float, left: float = 0.2, name: str | None = None
) -> str:
    """An asset with one label of that time, its number among the labels kept for COCO."""
    shapes = answers(
        CARS=[box("BIG", left, 0.1, 0.9, 0.8, mid=f"m{number}")],
        SIGNS=[box("STOP", 0.1, 0.1, 0.2, left, mid=f"s{number}")] if left > 0.5 else [],
    )
    made = label(shapes, id=f"la{seconds}", createdAt=at(seconds))
    found = fetched(asset(number, name or NAMES[number], made))
    key = f"as_{number:03d}"
    bench.kili.files[f"/{number}.jpg"] = (b"picture" * number, "image/jpeg")
    bench.kili.assets[key] = replace(
        found,
        asset_id=key,
        order_key=f"2026-01-0{number + 1}T00:00:00+00:00/{key}",
        fields={**found.fields, "id": key},
        fingerprint=f"{seconds} {left}",
        label_dates=(LabelDates(f"la{seconds}", "DEFAULT", at(seconds)),),
    )
    return key


def dates(bench: Workbench, export: str) -> dict[str, tuple[int, int, int, int, int, int]]:
    """By file, as any reader of ZIP reads them; local headers say the same."""
    data = bench.objects.stored[bench.manifest(export).archive.key][0]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for found in archive.infolist():
            header = data[found.header_offset :][10:14]
            time, day = int.from_bytes(header[:2], "little"), int.from_bytes(header[2:], "little")
            assert moment_of(day << 16 | time) == datetime(*found.date_time, tzinfo=UTC)
        return {found.filename: found.date_time for found in archive.infolist()}


changes = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([0, 1, 90, 5000]), st.sampled_from([0.2, 0.6])
        ),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


SHARDS = ShardRules(0, 1, 0)
"""One for each asset."""


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.booleans(), st.sampled_from([ShardRules(), SHARDS]))
@example(
    [[(2, 5000, 0.2), (3, 90, 0.2)], [(2, 0, 0.2), (3, 5000, 0.2)], [(3, 1, 0.2)]], False, SHARDS
)
def test_dates_are_those_of_a_full_export_of_the_same_state(
    steps: list[list[tuple[int, int, float]]], drops: bool, sharding: ShardRules
) -> None:
    bench = bench_of(sharding=sharding, limits=PartLimits(min_part=1, rewrite_below=0, copy_from=1))
    bench.rebuild()
    for step in steps:
        bench.run(sorted({put(bench, *change) for change in step}))
    if drops:
        gone = min(bench.kili.assets)
        del bench.kili.assets[gone]
        bench.run([gone], confirmed_removals=10)
    fresh = bench_of(sharding=sharding)
    fresh.kili = bench.kili
    fresh.rebuild()
    for export in OPTIONS:
        same = bench.files(export) == fresh.files(export)
        found, expected = dates(bench, export), dates(fresh, export)
        # COCO's numbers are kept, not derived: other contents have other dates.
        assert same or export.startswith("coco"), export
        numbered = () if same else [path for path in found if path.endswith("labels.json")]
        for path in numbered:
            del found[path], expected[path]
        assert found == expected, export


def test_a_newer_label_dates_its_files_and_documents_later_and_nothing_else() -> None:
    bench = bench_of()
    for number in range(4):
        put(bench, number, 0)
    bench.rebuild()
    before = {export: dates(bench, export) for export in OPTIONS}
    bench.run([put(bench, 3, 10)])
    for export, former in before.items():
        later = {path for path, date in dates(bench, export).items() if date > former[path]}
        other = {path for path, date in dates(bench, export).items() if date != former[path]}
        assert later == other, export
        assert later, export
        assert all("c." in path or path.endswith(("labels.json", ".csv")) for path in later)
    # The same contents, of a newer label.
    assert bench.manifest("yolo").generation == 2


@pytest.mark.parametrize("number", range(4))
def test_other_contents_without_any_other_date_have_another_date(number: int) -> None:
    bench = bench_of()
    for one in range(4):
        put(bench, one, one * 30)
    bench.rebuild()
    before = {export: (bench.files(export), dates(bench, export)) for export in OPTIONS}
    # A label whose contents were not readable before, and a renamed asset.
    bench.run([put(bench, number, number * 30, left=0.4), put(bench, 0, 0, name="renamed.jpg")])
    for export, (files, former) in before.items():
        found = bench.files(export)
        for path, date in dates(bench, export).items():
            if path in files:
                assert (date != former[path]) == (found[path] != files[path]), (export, path)


def test_a_new_class_gives_other_dates_to_what_shows_it() -> None:
    bench = bench_of()
    for one in range(4):
        put(bench, one, one, left=0.6)
    bench.rebuild()
    before = {export: (bench.files(export), dates(bench, export)) for export in OPTIONS}
    bench.project = two_jobs("YIELD")
    bench.rebuild()
    for export, (files, former) in before.items():
        found = bench.files(export)
        assert (found != files) == (export not in {"raw", "voc"}), export
        for path, date in dates(bench, export).items():
            assert (date != former[path]) == (found[path] != files[path]), (export, path)


def test_a_file_that_gets_its_name_back_bears_its_own_date() -> None:
    bench = bench_of()
    put(bench, 1, 0)
    bench.rebuild()
    alone = dates(bench, "raw")
    bench.run([put(bench, 2, 500)])
    assert dates(bench, "raw") != alone
    del bench.kili.assets["as_002"]
    bench.run(["as_002"], confirmed_removals=10)
    assert dates(bench, "raw") == alone
    assert bench.files("raw").keys() == alone.keys()


def test_an_archive_with_its_deltas_bears_the_dates_of_the_archive_written_again() -> None:
    eager, lazy = bench_of(), bench_of(rewriting=SELDOM)
    lazy.kili = eager.kili
    for number in range(4):
        put(eager, number, 0)
    for bench in (eager, lazy):
        bench.rebuild()
    for seconds in (20, 40):
        put(eager, 2, seconds, left=0.6)
        for bench in (eager, lazy):
            bench.run(["as_002"])
    for export in OPTIONS:
        assert lazy.manifest(export).deltas
        layered = open_archive(lazy.objects, lazy.manifest(export))
        found = {one.path: moment_of(one.modified) for one in layered.directory.records()}
        expected = {
            path: datetime(*date, tzinfo=UTC) for path, date in dates(eager, export).items()
        }
        assert found == expected, export


def test_media_keep_their_dates_when_labels_change() -> None:
    bench = bench_of()
    for number in range(4):
        put(bench, number, 0)
    bench.rebuild()
    before = {path: date for path, date in dates(bench, "yolo").items() if "images/" in path}
    assert len(set(before.values())) > 1
    bench.run([put(bench, number, 5000, left=0.6) for number in range(4)])
    bench.rebuild()
    after = dates(bench, "yolo")
    assert {path: after[path] for path in before} == before


def test_lines_that_version_0_1_wrote_are_read_without_dates() -> None:
    """A full export in slices goes on with what was converted before the upgrade."""
    writer = SegmentWriter()
    member = Member("a.txt", b"abc")
    found = fetched(asset(1, "a.jpg", label({})))
    writer.add(found, Conversion((member,)), moments=moments_of(at(0)))
    _, line = writer.finish()
    now = ConvertedAsset.from_line(line)
    assert moment_of(now.members[0].record.modified).year == 2026
    values = json.loads(line)
    (row,) = values[5]
    del row[7], values[10]
    former = ConvertedAsset.from_line(json.dumps(values).encode())
    assert former.members[0].record == replace(now.members[0].record, modified=FORMER_DATE)
    assert former.moments == ()
    for broken in (row[:6], [*row, 1, 2]):
        values[5] = [broken]
        with pytest.raises(IntegrityError):
            ConvertedAsset.from_line(json.dumps(values).encode())
