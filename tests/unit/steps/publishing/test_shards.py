"""Large documents cost what changed of them, and hold what small ones would."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.digests import DigestCheck
from kili_export.archives.ledger.ledger_entries import TabledEntries
from kili_export.archives.ledger.ledger_reader import LedgerReader, open_ledger
from kili_export.archives.ledger.shard_index import Shard, ShardIndex
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.documents import streamed_files
from kili_export.steps.publishing.documents.sharded_files import stored_shards
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import (
    OPTIONS,
    assert_equals_full_export,
    changes,
    labelled,
    two_jobs,
)

COPIES = PartLimits(min_part=1, rewrite_below=0, copy_from=1)
EACH = ShardRules(threshold=0, target=1, overhead=0)
FEW = ShardRules(threshold=400, target=2_000, overhead=0)
DOCUMENTS = {"one_file": "data.json", "coco": "labels.json"}


def bench_of(export: str, assets: int = 60, rules: ShardRules = FEW, **more: Any) -> Workbench:
    made = Workbench(two_jobs(), {export: OPTIONS[export]}, sharding=rules, **more)
    for number in range(assets):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    return made


def change(bench: Workbench, number: int, left: float | None) -> None:
    key = f"as_{number:03d}"
    if left is None:
        del bench.kili.assets[key]
    else:
        bench.kili.assets[key] = labelled(number, f"{number}.jpg", left)
    bench.run([key], confirmed_removals=1000)


def ledger_of(bench: Workbench, export: str) -> LedgerReader:
    return open_ledger(bench.objects, bench.manifest(export))


def indexes(bench: Workbench, export: str) -> dict[str, ShardIndex]:
    ledger = ledger_of(bench, export)
    found = ((path, ledger.index(path)) for path in ledger.shared())
    return {path: index for path, index in found if index is not None}


def last_delta(bench: Workbench, export: str) -> dict[str, Any]:
    manifest = bench.manifest(export)
    told: dict[str, Any] = json.loads(bench.files_at(manifest.recent_deltas[-1].key)["delta.json"])
    assert told["generation"] == manifest.generation
    return told


def assert_described(bench: Workbench, export: str) -> None:
    """The ledger tells of every document what its shards are, or its SHA-256."""
    files = bench.files(export)
    for member in ledger_of(bench, export).shared_with_digests():
        check = DigestCheck(member.sha256)
        check.update(files[member.path])
        assert check.matches(), member.path


@pytest.mark.parametrize("export", ["one_file", "coco", "coco_split", "yolo", "corrected_coco"])
@pytest.mark.parametrize("rules", [EACH, FEW, ShardRules(200, 300, 20)], ids=["each", "few", "mid"])
@given(history=changes, copies=st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_after_any_changes_a_document_in_shards_is_that_of_a_full_export(
    export: str,
    rules: ShardRules,
    history: list[list[tuple[int, str, float | None]]],
    *,
    copies: bool,
) -> None:
    limits = COPIES if copies else PartLimits()
    bench = Workbench(two_jobs(), {export: OPTIONS[export]}, limits=limits, sharding=rules)
    bench.rebuild()
    for step in history:
        for number, name, left in step:
            key = f"as_{number:03d}"
            if left is None:
                bench.kili.assets.pop(key, None)
            else:
                bench.kili.assets[key] = labelled(number, name, left)
        bench.run([f"as_{number:03d}" for number, _, _ in step], confirmed_removals=1000)
        assert_equals_full_export(bench, export)
        assert_described(bench, export)
    # The shards are those of a full export too, whatever the way to them.
    before = indexes(bench, export)
    bench.rebuild(confirmed_removals=1000)
    assert indexes(bench, export) == before
    brought = last_delta(bench, export)["changed"]
    assert not {member["path"] for member in brought} & before.keys()


@pytest.mark.parametrize("export", DOCUMENTS)
def test_only_the_shards_that_changed_are_made_again(
    export: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {"one_file": 10_000, "coco": 2_000}[export]
    bench = bench_of(export, 200, ShardRules(0, target, 0), limits=COPIES)
    before = indexes(bench, export)[DOCUMENTS[export]]
    read: list[str] = []
    scan = TabledEntries.scan

    def counted(
        entries: TabledEntries, low: str, high: str, *, at_once: bool = False
    ) -> Iterator[tuple[str, bytes]]:
        for name, data in scan(entries, low, high, at_once=at_once):
            read.append(name)
            yield name, data

    def everything(*_: Any) -> Iterator[Any]:
        raise AssertionError("all assets are read")

    monkeypatch.setattr(TabledEntries, "scan", counted)
    monkeypatch.setattr(LedgerReader, "merged", everything)
    change(bench, 100, 0.4)
    after = indexes(bench, export)[DOCUMENTS[export]]
    same = set(before.shards) & set(after.shards)
    assert len(list(before.shards)) > 10
    assert len(same) >= len(list(before.shards)) - 2
    assert 0 < len(read) < 100
    assert_equals_full_export(bench, export)


@pytest.mark.parametrize("export", DOCUMENTS)
@pytest.mark.parametrize("left", [None, 0.4])
def test_the_first_and_the_last_fragment_may_go_and_change(export: str, left: float | None) -> None:
    bench = bench_of(export, assets=6, rules=EACH, limits=COPIES)
    for number in (0, 5, 1, 4):
        change(bench, number, left)
        assert_equals_full_export(bench, export)
    for number in (2, 3):
        change(bench, number, None)
        assert_equals_full_export(bench, export)
    change(bench, 3, 0.6)
    assert_equals_full_export(bench, export)
    assert_described(bench, export)


@pytest.mark.parametrize("export", DOCUMENTS)
def test_a_document_is_in_shards_while_it_is_large(export: str) -> None:
    """Also where the ledger is of a time when none was."""
    path = DOCUMENTS[export]
    bench = bench_of(export, assets=20, rules=ShardRules())
    change(bench, 3, 0.4)
    assert not indexes(bench, export)
    [plain] = [one for one in last_delta(bench, export)["changed"] if one["path"] == path]
    assert plain.keys() == {"path", "sha256", "asset_id"}
    assert plain["sha256"] == hashlib.sha256(bench.files(export)[path]).hexdigest()
    bench.sharding = FEW
    change(bench, 4, 0.4)
    assert len(list(indexes(bench, export)[path].shards)) > 3
    [sharded] = [one for one in last_delta(bench, export)["changed"] if one["path"] == path]
    assert sharded["sha256"] is None
    data, at = bench.files(export)[path], 0
    for size, sha256 in sharded["shards"]:
        assert hashlib.sha256(data[at : at + size]).hexdigest() == sha256
        at += size
    assert at == len(data)
    assert_equals_full_export(bench, export)
    bench.sharding = ShardRules()
    change(bench, 5, 0.4)
    assert not indexes(bench, export)
    assert_equals_full_export(bench, export)
    assert_described(bench, export)


def test_a_document_made_again_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_files, "_LARGE", 1000)
    bench = bench_of("one_file", limits=COPIES)
    for key in bench.kili.assets:
        number = int(key.removeprefix("as_"))
        bench.kili.assets[key] = labelled(number, f"{number}.jpg", 0.6)
    bench.rebuild(confirmed_removals=1000)
    manifest = bench.manifest("one_file")
    delta = bench.files_at(manifest.recent_deltas[-1].key)
    assert delta["data.json"] == bench.files("one_file")["data.json"]
    sent = manifest.archive.size + manifest.ledger.size
    assert manifest.moved.bytes_up < sent + manifest.recent_deltas[-1].size / 2


def test_shards_that_are_not_those_of_the_stored_document_are_not_copied() -> None:
    bench = bench_of("coco", limits=COPIES)
    index = indexes(bench, "coco")["labels.json"]
    base = open_archive(bench.objects, bench.manifest("coco")).base()
    record = base.directory.find(index.path)
    assert stored_shards(index, record, base.pieces) is not None
    other = Shard("", 1, 3, 0, "0" * 64)
    longer = ShardIndex(index.path, (*index.sections, (other,)))
    assert stored_shards(longer, record, base.pieces) is None
    assert stored_shards(index, None, base.pieces) is None
