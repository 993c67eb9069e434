"""A folder that follows an export with media gets each picture once."""

from pathlib import Path

import pytest

from tests.unit.reading.test_sync_folder import files_in, sync
from tests.unit.steps.publishing.test_media import bench_of, put


@pytest.mark.parametrize("export", ["raw", "yolo", "yolo_split", "coco", "voc"])
def test_media_come_with_the_first_sync_and_with_their_own_changes_alone(
    tmp_path: Path, export: str
) -> None:
    bench = bench_of(export)
    keys = [put(bench, number, f"{number}.jpg") for number in range(6)]
    size = 1 << 20
    for number in range(6):
        bench.kili.files[f"/{number}-0"] = (bytes([number]) * size, "image/jpeg")
    bench.rebuild()
    sync(bench, tmp_path, export)
    assert files_in(tmp_path) == bench.files(export)
    put(bench, 1, "1.jpg", left=0.7, sign=1)
    bench.run([keys[1]])
    before = bench.objects.bytes_down
    sync(bench, tmp_path, export)
    assert bench.objects.bytes_down - before < size
    assert files_in(tmp_path) == bench.files(export)
    put(bench, 2, "2.jpg", version=1)
    del bench.kili.assets[keys[3]]
    bench.run([keys[2], keys[3]])
    sync(bench, tmp_path, export)
    assert files_in(tmp_path) == bench.files(export)


def test_equal_names_follow_the_archive(tmp_path: Path) -> None:
    bench = bench_of("yolo")
    keys = [put(bench, number, "a.jpg") for number in range(3)]
    put(bench, 3, "b.jpg")
    bench.rebuild()
    sync(bench, tmp_path, "yolo")
    assert files_in(tmp_path) == bench.files("yolo")
    del bench.kili.assets[keys[0]]
    bench.run([keys[0]], confirmed_removals=1)
    (tmp_path / "images" / "a.jpg").unlink()
    assert sync(bench, tmp_path, "yolo").method == "archive"
    assert files_in(tmp_path) == bench.files("yolo")
