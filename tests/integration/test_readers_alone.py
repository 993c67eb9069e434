"""Readers with rights on `exports/` alone: every command for them, and the same from Python."""

import io
import json
import multiprocessing
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from kili_export import Export
from kili_export.cli.exit_codes import ExitCode
from kili_export.core.errors import AccessDenied, GenerationExpired, InvalidConfiguration
from kili_export.local.main import main
from kili_export.reading.take_snapshot import take_snapshot
from tests.support.reader_site import BUCKET, ReaderSite, reader_site
from tests.support.workbench import Workbench
from tests.unit.reading.test_published_export import _expire
from tests.unit.reading.test_sync_folder import OPTIONS, change, files_in, remove
from tests.unit.steps.publishing.test_deltas_follow import SELDOM
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderSite]:
    bench = Workbench(two_jobs(), dict(OPTIONS), rewriting=SELDOM)
    for number in range(20):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    bench.rebuild()
    change(bench, 1, 4)
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    remove(bench, 2)
    yield from reader_site(tmp_path_factory.mktemp("readers"), bench)


@pytest.fixture(autouse=True)
def credentials(site: ReaderSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of another stack or of the owner of this bucket."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "KILI_EXPORT_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(site: ReaderSite, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command for an export at its address: status, output and errors."""

    def run_command(name: str, export: str, *words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main([name, site.address(export), *words, "--endpoint-url", site.server.endpoint])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run_command


def opened(site: ReaderSite, export: str = "yolo") -> Export:
    return Export(site.address(export), endpoint_url=site.server.endpoint)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def current(site: ReaderSite, export: str = "yolo") -> dict[str, bytes]:
    target = io.BytesIO()
    opened(site, export).pull(target)
    return unpacked(target.getvalue())


def test_the_reader_has_no_other_rights(site: ReaderSite) -> None:
    client = site.client()
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="exports/proj1/yolo/")["Contents"]
    assert client.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"].read()
    ledger = site.bench.manifest("yolo").ledger.key
    assert ledger.startswith("state/")
    for operation, named in (
        ("get_object", {"Key": ledger}),
        ("list_objects_v2", {"Prefix": "state/"}),
        ("put_object", {"Key": "exports/proj1/yolo/x", "Body": b""}),
        ("delete_object", {"Key": listed[0]["Key"]}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, operation)(Bucket=BUCKET, **named)


@pytest.mark.parametrize("export", OPTIONS)
def test_a_folder_follows_from_the_first_file_on(
    site: ReaderSite, run: Run, tmp_path: Path, export: str
) -> None:
    folder = tmp_path / "dataset"
    status, out, err = run("sync", export, str(folder), "--json")
    assert (status, err) == (ExitCode.OK, "")
    assert json.loads(out)["method"] == "archive"
    assert files_in(folder) == current(site, export)
    (folder / "README.kili.txt").unlink()
    assert json.loads(run("sync", export, str(folder), "--json")[1])["fetched"] == 1
    assert json.loads(run("sync", export, str(folder), "--verify", "--json")[1])["written"] == 0
    assert files_in(folder) == current(site, export)


def test_a_snapshot_is_listed_synced_and_pulled(run: Run, tmp_path: Path) -> None:
    [listed] = json.loads(run("snapshots", "yolo", "--json")[1])["snapshots"]
    assert (listed["name"], listed["generation"]) == ("v1", 2)
    target = tmp_path / "v1.zip"
    assert run("pull", "yolo", "--snapshot", "v1", "--output", str(target))[0] == ExitCode.OK
    assert run("sync", "yolo", str(tmp_path / "v1"), "--snapshot", "v1")[0] == ExitCode.OK
    assert files_in(tmp_path / "v1") == unpacked(target.read_bytes())
    assert "labels/d2/2.txt" in unpacked(target.read_bytes())


def test_history_and_differences(run: Run) -> None:
    history = json.loads(run("history", "yolo", "--json")[1])["generations"]
    assert [(one["generation"], one["removed"]) for one in history] == [(3, 1), (2, 0), (1, None)]
    assert history[1]["snapshots"] == ["v1"]
    status, out, _ = run("history", "yolo")
    assert status == ExitCode.OK
    assert "v1" in out
    diff = json.loads(run("diff", "yolo", "v1", "--json")[1])
    assert diff["assets"] == {"added": [], "changed": [], "removed": ["as_002"]}
    [gone] = diff["statistics"]
    assert (gone["objects"], gone["assets"]) == (-1, -1)
    assert json.loads(run("diff", "yolo", "2", "3", "--json")[1]) == diff
    back = json.loads(run("diff", "yolo", "3", "1", "--json")[1])
    assert (back["assets"]["added"], back["assets"]["changed"]) == (
        ["as_002"],
        ["as_001", "as_004"],
    )
    assert "Assets: 0 added, 0 changed, 1 removed." in run("diff", "yolo", "v1")[1]
    shown = run("diff", "yolo", "v1")[1]
    assert "Objects by class" in shown
    assert f"{gone['job']}/{gone['key']}" in shown


def test_a_generation_that_nobody_knows(run: Run) -> None:
    status, _, err = run("diff", "yolo", "9")
    assert status == ExitCode.USAGE
    assert err.splitlines() == [
        "kili-export: Export 'yolo' is at generation 3: there is no generation 9."
    ]


def test_the_report(run: Run) -> None:
    status, out, err = run("report", "yolo", "--json")
    assert (status, err) == (ExitCode.OK, "")
    assert json.loads(out)["export_name"] == "yolo"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stack-name", "prod"), "An address names its bucket"),
        (("--state", "elsewhere"), "An address names its bucket"),
        (("--profile", "nobody"), "AWS knows no profile 'nobody' here."),
    ],
)
def test_what_does_not_go_together(run: Run, words: tuple[str, ...], said: str) -> None:
    status, _, err = run("history", "yolo", *words)
    assert (status, len(err.splitlines())) == (ExitCode.USAGE, 1)
    assert said in err


def test_access_without_an_address(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "proj1", "yolo", "--region", "eu-west-1"]) == ExitCode.USAGE
    assert "go with an address" in capfd.readouterr().err


def test_an_export_that_is_none(run: Run) -> None:
    status, _, err = run("snapshots", "yoloo")
    assert status == ExitCode.USAGE
    assert err == "kili-export: Project proj1 has no published export 'yoloo'.\n"


def test_programs_read_without_unpacking(site: ReaderSite) -> None:
    export = opened(site)
    files = current(site)
    assert {path: export.open(path).read() for path in files} == files
    assert {file.path: data for file, data in export.contents()} == files
    assert export.changes(since=2).assets.removed == ("as_002",)
    assert export.at("v1").generation == 2


def test_nothing_outside_exports_is_asked_for(site: ReaderSite) -> None:
    objects = opened(site)._objects
    for asked in (
        lambda: objects.get("state/proj1/yolo/history.json"),
        lambda: objects.head("registrations/proj1.json"),
        lambda: list(objects.list("")),
        lambda: list(objects.folders("state/")),
    ):
        with pytest.raises(AccessDenied, match="is not for readers of exports"):
            asked()


def test_an_address_that_is_none(site: ReaderSite) -> None:
    for address in ("s3://b/exports/p/yolo", f"s3://{BUCKET}/exports/proj1", "yolo", "s3://a b/c"):
        with pytest.raises(InvalidConfiguration, match="is not the address of an export"):
            Export(address)
    with pytest.raises(InvalidConfiguration, match="is not the address of an S3"):
        Export(site.address("yolo"), endpoint_url="nowhere")


def test_a_pickled_export_is_of_the_same_generation(site: ReaderSite) -> None:
    export = opened(site)
    copied: Export = pickle.loads(pickle.dumps(export))
    assert copied.generation == export.generation
    assert copied.open("data.yaml").read() == export.open("data.yaml").read()


def _read_all(export: Export, times: int) -> bool:
    expected = {file.path: data for file, data in export.contents()}
    return all(
        export.open(path).read() == data for _ in range(times) for path, data in expected.items()
    )


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_forked_processes_read_at_the_same_time(site: ReaderSite) -> None:
    export = opened(site)
    assert _read_all(export, 1)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.starmap(_read_all, [(export, 5)] * 3) == [True] * 3


def test_generations_change_under_the_reader(site: ReaderSite) -> None:
    export = opened(site, "coco")
    before = current(site, "coco")
    change(site.bench, 5)
    site.publish()
    assert {file.path: data for file, data in export.contents()} == before
    assert export.latest().changes(since=export).assets.changed == ("as_005",)
    site.bench.rebuild()
    change(site.bench, 7)
    change(site.bench, 8)
    site.bench.rebuild()
    _expire(site.bench)
    site.publish()
    with pytest.raises(GenerationExpired, match="a snapshot keeps a generation"):
        list(export.contents())
    assert {file.path: data for file, data in export.latest().contents()} == current(site, "coco")
