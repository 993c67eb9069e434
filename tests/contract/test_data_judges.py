"""What databases and Hugging Face's datasets read in our archives, beside pycocotools and raw."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kili_export.aws.s3 import S3ObjectStore
from kili_export.core.export_options import Compatibility, Layout
from kili_export.local.stack.seaweed import SeaweedServer
from tests.contract.test_jsonl_agrees import exported as exported_lines
from tests.contract.test_jsonl_agrees import lines_of
from tests.contract.test_outside_judges import (
    CORRECTED,
    FRAMES,
    HEIGHT,
    WIDTH,
    asked,
    coco_of,
    exported,
    options,
    published,
    written,
)
from tests.increments.kinds import KINDS, Kind
from tests.support.seaweed import BUCKET
from tests.support.workbench import Workbench

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "jsonl.md"


def streamed(address: str, cache: Path, *s3: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked("datasets_child.py", address, cache, *s3)
    return found


def archive_in(bench: Workbench) -> bytes:
    """The archive as it is stored."""
    found = bench.objects.get(bench.manifest("it").archive.key)
    assert found is not None
    assert not bench.manifest("it").deltas
    return found[0]


def boxes_of(files: dict[str, bytes]) -> Counter[Any]:
    """By picture, class and box, what pycocotools reads of all documents."""
    boxes = Counter[Any]()
    for path, data in files.items():
        if path.endswith("labels.json"):
            read = coco_of(data)
            for annotation in read.loadAnns(read.getAnnIds()):
                [image] = read.loadImgs(annotation["image_id"])
                [category] = read.loadCats(annotation["category_id"])
                name = category["name"].rpartition("/")[2]
                boxes[image["file_name"], name, *annotation["bbox"]] += 1
    return boxes


@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
@pytest.mark.parametrize("layout", Layout)
def test_datasets_streams_pictures_with_the_objects_of_corrected_coco(
    layout: Layout, input_type: str, tmp_path: Path
) -> None:
    bench = published(options("coco", CORRECTED, layout=layout), input_type)
    files = bench.files("it")
    (tmp_path / "coco.zip").write_bytes(archive_in(bench))
    rows = streamed(str(tmp_path / "coco.zip"), tmp_path / "cache")
    assert len(rows) == 5 * (FRAMES if input_type == "VIDEO" else 1)
    assert {tuple(row["image"]) for row in rows} == {(WIDTH, HEIGHT)}
    lines = lines_of(files["data/metadata.jsonl"])
    assert [line["objects"] for line in lines] == [row["objects"] for row in rows]


@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
@pytest.mark.parametrize("layout", Layout)
def test_pictures_are_described_with_the_boxes_of_all_documents(
    layout: Layout, input_type: str
) -> None:
    files = exported(options("coco", CORRECTED, layout=layout), input_type)
    seen = Counter(
        (f"data/{line['file_name']}", category, *box)
        for line in lines_of(files["data/metadata.jsonl"])
        for category, box in zip(line["objects"]["category"], line["objects"]["bbox"], strict=True)
    )
    assert seen == boxes_of(files)
    assert {name for name, *_ in seen} == {path for path in files if path.startswith("data/")} - {
        "data/metadata.jsonl"
    }


def test_datasets_streams_out_of_s3(
    seaweed: SeaweedServer, object_store: S3ObjectStore, key_prefix: str, tmp_path: Path
) -> None:
    bench = published(options("coco", CORRECTED))
    key = f"{key_prefix}latest.zip"
    object_store.put(key, archive_in(bench))
    client = seaweed.client()
    credentials = ("test-key", "test-secret")
    address = f"s3://{BUCKET}/{key}"
    rows = streamed(address, tmp_path, client.meta.endpoint_url, *credentials)
    client.close()
    assert sorted(row["asset_id"] for row in rows) == ["as_0", "as_1", "as_2", "as_3", "as_4"]
    assert Counter(name for row in rows for name in row["objects"]["category"]) == {
        "CAR": 6,
        "BUS": 4,
        "SKY": 10,
    }


def test_only_corrected_archives_with_media_describe_their_pictures() -> None:
    for compatibility in Compatibility:
        for with_assets in (False, True):
            files = exported(options("coco", compatibility, with_assets=with_assets))
            described = compatibility is CORRECTED and with_assets
            assert ("data/metadata.jsonl" in files) == described


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_duckdb_and_pandas_read_all_lines(kind: Kind, tmp_path: Path) -> None:
    files = exported_lines(kind, "jsonl")
    folder = written(files, tmp_path)
    by_job, unlabeled = re.findall(r"```sql\n(.*?)```", REFERENCE.read_text("utf-8"), re.DOTALL)
    count = "select count(*) from read_json('{0}/{0}.jsonl')"
    queries = [by_job, unlabeled, count.format("annotations"), count.format("assets")]
    found = asked("duckdb_child.py", *queries, folder=folder)
    lines = lines_of(files["annotations/annotations.jsonl"])
    assets = lines_of(files["assets/assets.jsonl"])
    assert found["pandas"] == [len(lines), len(assets)]
    boxes, empty, *counts = found["answers"]
    assert counts == [[[len(lines)]], [[len(assets)]]]
    assert Counter(name for [name] in empty) == Counter(
        one["externalId"] for one in assets if not sum(of["annotations"] for of in one["labels"])
    )
    drawn = [line for line in lines if line["type"] == "rectangle"]
    counted = Counter((line["job"], line["category"]) for line in drawn)
    assert {(job, category): number for job, category, number, _ in boxes} == counted
    for job, category, _, area in boxes:
        areas = [
            line["bboxPixels"][2] * line["bboxPixels"][3]
            for line in drawn
            if (line["job"], line["category"]) == (job, category) and line["bboxPixels"]
        ]
        expected = pytest.approx(sum(areas) / len(areas)) if areas else None
        assert area == expected
