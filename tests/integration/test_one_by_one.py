"""Assets and labels one by one: the SDK, with the same filters, gives the same ones."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.local.kili_standin import KiliWorld, read_project, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project, StoredContent
from kili_export.local.main import main
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.reading.rows.list_assets import AssetLabels, AssetListing, list_assets
from kili_export.reading.rows.list_labels import LabelListing, list_labels
from kili_export.reading.rows.listed_lines import Line, LineBatch
from tests.support.fakes import ManualClock

# The SDK warns of what it deprecates and leaves its sessions to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")

KEY = "bench-key"
Json = dict[str, Any]


@dataclass
class Bench:
    """A served sample project, the SDK's client of it, and ours, which waits in no time."""

    world: KiliWorld
    project: Project
    endpoint: str
    sdk: Any

    @property
    def kili(self) -> KiliClient:
        return KiliClient.connect(KiliSettings(self.endpoint, KEY), ManualClock())

    def assets(self, *fields: str, **filters: Any) -> list[Line]:
        listing = AssetListing(self.project.id, fields or ("id",), filters)
        return _lines(list_assets(self.kili, listing))

    def labels(
        self, *fields: str, choice: LabelChoice = LabelChoice.ALL, **filters: Any
    ) -> list[Line]:
        listing = LabelListing(self.project.id, fields or ("id",), filters, choice)
        return _lines(list_labels(self.kili, listing))


def _lines(batches: Iterator[LineBatch]) -> list[Line]:
    lines: list[Line] = []
    for batch in batches:
        assert not batch.failed
        assert not batch.gone
        lines += batch.lines
    return lines


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    world = KiliWorld(api_key=KEY)
    project = world.add_project(sample_project())
    assets = list(project.assets.values())
    for number, asset in enumerate(assets):
        asset.consensus_mark = None if number % 5 == 0 else number / len(assets)
        for label in asset.labels[:1]:
            label.honeypot_mark = number / len(assets)
    with (
        pytest.MonkeyPatch.context() as patch,
        start_standin(world) as standin,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        patch.setenv("KILI_SDK_SKIP_CHECKS", "1")
        from kili.client import Kili

        sdk = Kili(
            api_endpoint=standin.endpoint,
            api_key=KEY,
            disable_tqdm=True,
            graphql_client_params={"enable_schema_caching": False},
        )
        yield Bench(world, project, standin.endpoint, sdk)


@pytest.fixture
def shell(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """The environment of somebody who has a key, and no stack."""
    monkeypatch.setenv("KILI_API_ENDPOINT", bench.endpoint)
    monkeypatch.setenv("KILI_API_KEY", KEY)
    monkeypatch.setenv("KILI_EXPORT_STATE", str(tmp_path / "no-stack"))
    return bench


ASSET_FILTERS: list[Json] = [
    {},
    {"consensus_mark_gte": 0.5},
    {"consensus_mark_lte": 0.25},
    {"honeypot_mark_gte": 0.5},
    {"inference_mark_gte": 0.6, "inference_mark_lte": 0.7},
    {"external_id_in": ["yard/", "scene-1"]},
    {"external_id_strictly_in": ["scene-11.png", "été à Nîmes.png", "absent"]},
    {"status_in": ["TODO", "ONGOING"]},
    {"skipped": True},
    {"skipped": False},
    {"label_author_in": ["bob@example.com"]},
    {"label_type_in": ["REVIEW", "PREDICTION"]},
    {"label_labeler_in": ["alice@example.com"]},
    {"label_reviewer_in": ["chloe@example.com"]},
    {"label_category_search": "OBJECTS.FLAG.count >= 2"},
    {"metadata_where": {"camera": "north"}},
    {"metadata_where": {"index": [3, 9]}},
    {"created_at_gte": "2026-01-06"},
    {"created_at_lte": "2026-01-06"},
    {"step_name_in": ["Review"]},
    {"step_status_in": ["DONE"]},
    {"issue_type": "ISSUE", "issue_status": "OPEN"},
    {"assignee_in": ["alice@example.com"]},
    {"label_author_in": ["bob@example.com"], "status_in": ["LABELED"], "skipped": False},
]


@pytest.mark.parametrize("filters", ASSET_FILTERS, ids=str)
def test_the_same_assets_match_as_for_the_sdk(bench: Bench, filters: Json) -> None:
    theirs = bench.sdk.assets(bench.project.id, fields=["id"], **filters)

    assert bench.assets(**filters) == theirs


def test_the_filters_tell_assets_apart(bench: Bench) -> None:
    counts = [len(bench.assets(**filters)) for filters in ASSET_FILTERS]

    assert counts[0] == len(bench.project.assets)
    assert sum(0 < count < counts[0] for count in counts) >= 18, counts


def test_the_fields_hold_what_the_sdk_gives(bench: Bench) -> None:
    fields = (
        "id",
        "externalId",
        "consensusMark",
        "jsonMetadata",
        "resolution.width",
        "resolution.height",
        "labels.author.email",
        "labels.isLatestReviewLabelForUser",
        "labels.jsonResponse",
        "latestLabel.jsonResponse",
        "currentStep.name",
    )
    theirs = bench.sdk.assets(bench.project.id, fields=fields)
    wanted = {field.partition(".")[0] for field in fields}

    # For contents the SDK asks for three fields more, and shows them too.
    assert bench.assets(*fields) == [
        {name: value for name, value in asset.items() if name in wanted} for asset in theirs
    ]
    assert any(asset["latestLabel"] is None for asset in theirs)


LABEL_FILTERS: list[Json] = [
    {},
    {"author_in": ["bob@example.com"]},
    {"type_in": ["REVIEW", "PREDICTION"]},
    {"honeypot_mark_gte": 0.1},
    {"honeypot_mark_gte": 0.1, "honeypot_mark_lte": 0.3},
    {"created_at_gte": "2026-01-06", "type_in": ["DEFAULT"]},
    {"created_at_lte": "2026-01-05"},
    {"created_at": "2026-01-05"},
    {"category_search": "SURFACES.PUDDLE.count >= 1"},
    {"asset_external_id_in": ["yard/"]},
    {"asset_external_id_strictly_in": ["scene-11.png"]},
    {"asset_status_in": ["REVIEWED"]},
    {"asset_step_name_in": ["Review"], "author_in": ["alice@example.com"]},
]


@pytest.mark.parametrize("filters", LABEL_FILTERS, ids=str)
def test_the_same_labels_match_as_for_the_sdk(bench: Bench, filters: Json) -> None:
    theirs = bench.sdk.labels(bench.project.id, fields=["id"], **filters)

    assert theirs or "created_at" in str(filters), "nothing matches, so nothing is compared"
    assert bench.labels(**filters) == theirs


def test_labels_are_found_by_asset_user_and_id(bench: Bench) -> None:
    some = list(bench.project.assets.values())[:3]
    (by_id,) = bench.labels(id_in=[some[0].labels[0].id])
    theirs = bench.sdk.labels(bench.project.id, asset_id=some[1].id, fields=["id"])
    bob = next(user.id for user in bench.project.users if user.email == "bob@example.com")

    assert by_id == {"id": some[0].labels[0].id}
    assert bench.labels(asset_id_in=[some[1].id]) == theirs
    assert bench.labels(asset_id_in=[asset.id for asset in some]) == [
        {"id": label.id} for asset in some for label in asset.labels
    ]
    assert bench.labels(user_id=bob) == bench.sdk.labels(
        bench.project.id, user_id=bob, fields=["id"]
    )


def test_the_fields_of_labels_hold_what_the_sdk_gives(bench: Bench) -> None:
    fields = ("labelOf.externalId", "honeypotMark", "author.email", "id", "jsonResponse")

    assert bench.labels(*fields) == bench.sdk.labels(bench.project.id, fields=fields)


def test_the_newest_label_of_each_asset_is_kilis_latest(bench: Bench) -> None:
    assets = bench.sdk.assets(bench.project.id, fields=["latestLabel.id"])
    theirs = [asset["latestLabel"]["id"] for asset in assets if asset["latestLabel"]]

    ours = bench.labels(choice=LabelChoice.LATEST_PER_ASSET)
    assert [label["id"] for label in ours] == theirs


def test_the_latest_reviews_are_chosen_as_by_the_label_properties(bench: Bench) -> None:
    fields = ["labels.id", "labels.isLatestReviewLabelForUser"]
    theirs = [
        label["id"]
        for asset in bench.sdk.assets(bench.project.id, fields=fields)
        for label in asset["labels"]
        if label["isLatestReviewLabelForUser"]
    ]

    ours = bench.labels(choice=LabelChoice.LATEST_REVIEW_PER_USER)
    assert [label["id"] for label in ours] == theirs
    assert theirs


def test_the_latest_of_each_annotator_is_chosen_as_over_the_sdks_answers(bench: Bench) -> None:
    fields = ["id", "labels.id", "labels.author.email", "labels.createdAt", "labels.labelType"]
    theirs = set()
    several = False
    for asset in bench.sdk.assets(bench.project.id, fields=fields):
        by_author: dict[str, list[Json]] = {}
        for label in asset["labels"]:
            if label["labelType"] == "DEFAULT":
                by_author.setdefault(label["author"]["email"], []).append(label)
        several |= len(by_author) > 1 or any(len(labels) > 1 for labels in by_author.values())
        theirs |= {
            max(labels, key=lambda one: one["createdAt"])["id"] for labels in by_author.values()
        }

    ours = bench.labels(choice=LabelChoice.LATEST_PER_ANNOTATOR)
    assert {label["id"] for label in ours} == theirs
    assert several, "no asset has labels to choose among"


@pytest.mark.parametrize("labels", AssetLabels)
def test_annotations_are_those_of_the_sdks_parsed_labels(bench: Bench, labels: AssetLabels) -> None:
    from kili.utils.labels.parsing import parse_labels

    fields = ["externalId", f"{labels.value}.jsonResponse", f"{labels.value}.id"]
    interface = bench.project.json_interface
    expected = []
    for asset in bench.sdk.assets(bench.project.id, fields=fields):
        held = asset[labels.value]
        present = [label for label in (held if isinstance(held, list) else [held]) if label]
        for label in parse_labels(present, interface, "IMAGE"):
            for job, answer in label.jobs.items():
                named = (asset["externalId"], label["id"], job)
                expected += [
                    (*named, one.category.name, one.mid)
                    for one in (answer.annotations if "annotations" in answer.to_dict() else ())
                ]
                if "categories" in answer.to_dict():
                    expected.append((*named, answer.category.name, None))
    lines = _lines(list_assets(bench.kili, AssetListing(bench.project.id, parsed=labels)))

    ours = [
        (line["externalId"], line["labelId"], line["job"], line["category"], line.get("mid"))
        for line in lines
    ]
    assert sorted(ours, key=str) == sorted(expected, key=str)
    assert not any("problems" in line for line in lines)
    assert len(ours) > 200


def test_assets_and_labels_give_the_same_annotations(bench: Bench) -> None:
    of_assets = AssetListing(bench.project.id, parsed=AssetLabels.ALL)
    of_labels = LabelListing(bench.project.id, parsed=True)

    assert _lines(list_assets(bench.kili, of_assets)) == _lines(list_labels(bench.kili, of_labels))


def test_a_list_of_more_names_than_kili_takes_at_once_is_asked_for_in_parts(bench: Bench) -> None:
    names = [f"absent-{number}" for number in range(2100)]
    names[5:5] = ["scene-11.png"]
    names.append("scene-12.png")
    held = [asset for asset in bench.project.assets.values() if asset.external_id in names]

    assert bench.assets("externalId", external_id_strictly_in=names) == [
        {"externalId": asset.external_id} for asset in held
    ]
    assert bench.labels(asset_external_id_strictly_in=names) == [
        {"id": label.id} for asset in held for label in asset.labels
    ]


def test_inline_contents_and_drawn_out_pages_read_alike() -> None:
    boxes = {"JOB": {"mlTask": "CLASSIFICATION", "isChild": False, "content": {"categories": {}}}}
    document = {
        "title": "Many",
        "inputType": "VIDEO",
        "inlineJsonResponse": True,
        "jsonInterface": {"jobs": boxes},
        "assets": [
            {
                "externalId": f"v{number}",
                "labels": [{"jsonResponse": {"0": {"JOB": {"categories": [{"name": "A"}]}}}}],
            }
            for number in range(35)
        ],
    }
    world = KiliWorld(api_key=KEY)
    project = world.add_project(read_project(document))
    with start_standin(world) as standin:
        kili = KiliClient.connect(KiliSettings(standin.endpoint, KEY), ManualClock())
        batches = list(list_assets(kili, AssetListing(project.id, parsed=AssetLabels.LATEST)))

    assert [batch.done for batch in batches] == [10, 20, 30, 35]
    assert [line["externalId"] for batch in batches for line in batch.lines] == [
        f"v{number}" for number in range(35)
    ]


# ------------------------------------------------------------------ when things go wrong


def test_an_address_that_ran_out_is_asked_for_again(bench: Bench) -> None:
    calm = bench.labels("jsonResponse")
    bench.world.faults.set(kind="expired", target="content", times=3)

    assert bench.labels("jsonResponse") == calm


def test_throttling_and_outages_are_waited_out(bench: Bench) -> None:
    calm = bench.assets("latestLabel.jsonResponse")
    bench.world.faults.set(kind="throttled", target="assets", times=2, retry_after=1)
    bench.world.faults.set(kind="bad_gateway", target="content", times=1)

    assert bench.assets("latestLabel.jsonResponse") == calm


def test_no_asset_is_missed_while_pages_shift() -> None:
    world = KiliWorld(api_key=KEY)
    project = world.add_project(sample_project())
    before = set(project.assets)
    with start_standin(world) as standin:
        kili = KiliClient.connect(KiliSettings(standin.endpoint, KEY), ManualClock())
        world.faults.set(kind="shifting_pages", change="remove", times=1)
        batches = list(list_assets(kili, AssetListing(project.id, ("id",))))

    lines = {line["id"] for batch in batches for line in batch.lines}
    gone = {one for batch in batches for one in batch.gone}
    assert lines | gone >= set(project.assets)
    assert lines == set(project.assets)
    assert gone <= before - set(project.assets)


def test_a_label_whose_content_cannot_be_read_is_left_out_and_told(
    shell: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    label = next(one for _, one in shell.project.labels())
    former = label.content
    label.content = StoredContent(b"[]")
    try:
        status = main(["labels", shell.project.id, "--fields", "id,jsonResponse"])
    finally:
        label.content = former
    told = capsys.readouterr()

    lines = [json.loads(line) for line in told.out.splitlines()]
    assert status == ExitCode.INCOMPLETE
    assert label.id not in {line["id"] for line in lines}
    assert len(lines) == sum(1 for _ in shell.project.labels()) - 1
    assert f"label {label.id} is left out: the content of label {label.id}" in told.err
    assert "1 left out" in told.err


def test_a_key_that_is_refused_ends_with_the_reason(
    shell: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kili_export.core.clock.SystemClock.sleep", lambda _self, _: None)
    monkeypatch.setenv("KILI_API_KEY", "wrong")

    assert main(["assets", shell.project.id]) == ExitCode.FAILED
    assert "the API key is refused" in capsys.readouterr().err


# ------------------------------------------------------------------ the command


def test_the_command_prints_json_lines(shell: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    fields = ["--fields", "externalId", "--fields", "consensusMark"]
    filters = ["--consensus-mark-gte", "0.5", "--metadata", "camera=north", "--no-skipped"]
    status = main(["assets", shell.project.id, *fields, *filters])
    told = capsys.readouterr()
    theirs = shell.sdk.assets(
        shell.project.id,
        fields=["externalId", "consensusMark"],
        consensus_mark_gte=0.5,
        metadata_where={"camera": "north"},
        skipped=False,
    )

    assert status == ExitCode.OK
    assert [json.loads(line) for line in told.out.splitlines()] == theirs
    assert told.err == f"{len(theirs)} assets, {len(theirs)} lines\n"


def test_the_command_writes_a_file(shell: Bench, tmp_path: Path) -> None:
    target = tmp_path / "annotations.jsonl"
    arguments = ["labels", shell.project.id, "--parsed", "--latest-per-annotator", "--quiet"]
    status = main([*arguments, "--type", "DEFAULT", "--output", str(target)])

    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert status == ExitCode.OK
    assert {line["labelType"] for line in lines} == {"DEFAULT"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_stays_as_it_was_when_the_listing_fails(shell: Bench, tmp_path: Path) -> None:
    target = tmp_path / "labels.jsonl"
    target.write_text("before")
    shell.world.faults.set(kind="internal_error", target="labels", times=1, after=1)
    status = main(["labels", shell.project.id, "--output", str(target), "--quiet"])

    assert status == ExitCode.UNAVAILABLE
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["assets", "P", "--fields", "extrenalId"], "did you mean 'externalId'"),
        (["assets", "P", "--status", "DONE"], "is none of TODO, ONGOING"),
        (["assets", "P", "--labels", "all"], "--labels goes with --parsed"),
        (["assets", "P", "--created-at-gte", "soon"], "must be a date"),
        (["labels", "P", "--type", "FINAL"], "is none of AUTOSAVE, DEFAULT"),
        (["labels", "P", "--step-name", "Proofreading"], "it has 'Labeling', 'Review'"),
        (["labels", "P", "--output", "/nowhere/at/all"], "/nowhere/at is not a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_wishes_end_with_the_way_out(
    shell: Bench, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    given = [shell.project.id if one == "P" else one for one in arguments]

    assert main(given) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_without_a_key_and_without_a_stack_the_way_out_is_named(
    shell: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KILI_API_KEY")

    assert main(["assets", shell.project.id]) == ExitCode.USAGE
    assert "KILI_API_KEY is not set" in capsys.readouterr().err


def test_whoever_reads_only_the_beginning_is_not_bothered(shell: Bench) -> None:
    command = f"{sys.executable} -m kili_export.local.main labels"
    command += f" {shell.project.id} --parsed --quiet"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 1"],
        capture_output=True,
        check=False,
        env=os.environ,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["labelId"]
