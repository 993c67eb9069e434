"""What would be deployed, run: built functions under Lambda's runtime interface emulator.

Each function has the policy of the template in front of it, and the whole workflow runs through
them: S3 is SeaweedFS, the other services are moto's, Kili is the stand-in.
"""

import io
import json
import platform
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.build.interpreter import PythonNotFound
from devtools.build.sam import build_artifacts
from devtools.build.sizes import UNZIPPED_LIMIT
from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import manifest_key, registration_key
from kili_export.registration.parse_registration import parse_registration
from tests.artifacts.application import WEBHOOK_SECRET, BuiltApplication
from tests.support.template_document import ROOT, functions, resources_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.artifacts,
    pytest.mark.timeout(600),
]


CALLED = sorted(functions().keys() - {"notify"})
"""The functions that are called here. tests/security judges the one that a queue calls."""
# What the policies allow for cases that do not occur here: S3 goes by s3:ListBucket when it decides
# whether to say that an object does not exist; executions are looked up when a lease is held for
# long; uploads are ended, and objects deleted, after a crash or a lost race; an upload of media is
# ended when it fails; parts are listed when a copy outlasts an invocation; the listing of a full
# export is deleted when that took several runs; a comparison is stored, and deleted, when it
# outlasts an invocation.
NEEDED_AFTER_MISHAPS: dict[str, set[str]] = {
    "webhook": {"s3:ListBucket"},
    "plan_export": {
        "dynamodb:DeleteItem",
        "events:PutEvents",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:ListBucket",
        "states:DescribeExecution",
        "states:StartExecution",
    },
    "convert_assets": {"dynamodb:GetItem", "s3:AbortMultipartUpload", "s3:ListBucket"},
    "aggregate_archive": {
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
    },
    "finish_export": {"s3:DeleteObject", "s3:ListBucket", "states:StartExecution"},
    "reconcile": {
        "dynamodb:DeleteItem",
        "s3:DeleteObject",
        "s3:PutObject",
        "states:DescribeExecution",
    },
}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the artifacts are built for Linux on x86_64, which this machine is not")
    try:
        # A folder of its own: another build of this checkout must not replace what runs here.
        return build_artifacts(tmp_path_factory.mktemp("built"))
    except PythonNotFound as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def application(
    artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuiltApplication]:
    with BuiltApplication(artifacts, tmp_path_factory.mktemp("artifacts")) as application:
        yield application


@pytest.fixture(scope="module")
def exported(application: BuiltApplication) -> BuiltApplication:
    """The application after the sample project was registered, and an event came.

    That run goes through single steps; later ones are small, and made by the function that plans.
    """
    project = application.project
    declared = parse_registration(
        {
            "project_id": project.id,
            "exports": [
                {"name": "yolo", "format": "yolo_v8", "layout": "merged"},
                {"name": "coco", "format": "coco"},
                {"name": "raw", "format": "kili"},
            ],
        }
    )
    application.objects.put(registration_key(project.id), declared.to_bytes())
    asset, _ = assets_of(application)[0]
    label = application.world.submit_label(asset)
    application.single_steps = True
    accepted = post(application, "on_submit", project.id, asset, label.id)
    assert accepted == (202, {"accepted": 1})
    application.finish_runs()
    application.single_steps = False
    assert not application.why_it_failed()
    return application


def sample(path: str) -> Any:
    return json.loads((ROOT / "events" / f"{path}.json").read_bytes())


def assets_of(application: BuiltApplication) -> list[tuple[str, str]]:
    """Ids and external ids of the project's assets."""
    return [(asset.id, asset.external_id) for asset in application.project.assets.values()]


def post(
    application: BuiltApplication, name: str, project: str = "", asset: str = "", label: str = ""
) -> tuple[int, Any]:
    """Sends a sample of a webhook call, with ids that exist; answers status and body."""
    call = sample(f"webhook/{name}")
    exists = {
        "clabc123": project,
        "classet0001": asset,
        "classet0002": asset,
        "cllabel0001": label,
        "cllabel0002": label,
    }
    for before, after in exists.items():
        call["body"] = call["body"].replace(f'"{before}"', f'"{after or before}"')
    response = application.invoke("webhook", call)
    return response["statusCode"], json.loads(response["body"])


def manifest(application: BuiltApplication, export: str) -> Manifest:
    found = application.objects.get(manifest_key(application.project.id, export))
    assert found is not None, f"{export} was never published"
    return Manifest.from_bytes(found[0])


def archive(application: BuiltApplication, export: str) -> zipfile.ZipFile:
    reference = manifest(application, export).archive
    found = application.objects.get(reference.key, if_match=reference.etag)
    assert found is not None
    return zipfile.ZipFile(io.BytesIO(found[0]))


def members(application: BuiltApplication, export: str) -> dict[str, bytes]:
    with archive(application, export) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_every_function_and_layer_was_built(artifacts: Path) -> None:
    built = {path.name for path in artifacts.iterdir() if path.is_dir()}
    assert built == (
        resources_of("AWS::Serverless::Function").keys()
        | resources_of("AWS::Serverless::LayerVersion").keys()
    )


def test_the_shared_layer_holds_the_whole_package_as_it_is(artifacts: Path) -> None:
    def sources(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}

    built = sources(artifacts / "SharedLayer" / "python")
    stack = "kili_export/local/"
    whole = sources(ROOT / "layers" / "shared")
    assert built == {name: text for name, text in whole.items() if not name.startswith(stack)}
    assert "kili_export/wiring/application.py" in built


def test_a_function_and_its_layers_fit_into_lambda(artifacts: Path) -> None:
    sizes = [path.stat().st_size for path in artifacts.rglob("*") if path.is_file()]
    assert sum(sizes) < UNZIPPED_LIMIT


def test_an_event_becomes_archives_of_the_whole_project(exported: BuiltApplication) -> None:
    for export in ("yolo", "coco", "raw"):
        published = manifest(exported, export)
        assert published.generation == 1
        assert not published.quarantined
        assert len(members(exported, export)) == published.archive.members
    labelled = manifest(exported, "raw").counts
    assert labelled.assets == len(exported.project.assets)
    assert labelled.exported > 0


def test_another_event_changes_its_asset_alone(exported: BuiltApplication) -> None:
    before = members(exported, "raw")
    asset, external_id = assets_of(exported)[0]
    label = exported.world.submit_label(asset)
    assert post(exported, "on_submit", exported.project.id, asset, label.id)[0] == 202
    exported.finish_runs()
    assert not exported.why_it_failed()
    assert manifest(exported, "raw").generation == 2
    after = members(exported, "raw")
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed
    stem = external_id.rpartition(".")[0]
    assert all(stem in name or "/" not in name for name in changed), changed


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("unauthorized", 401),
        ("no_authorization", 401),
        ("not_json", 400),
        ("wrong_shape", 400),
        ("unregistered_project", 202),
        ("unknown_event", 202),
    ],
)
def test_the_webhook_answers_what_it_does_not_take(
    exported: BuiltApplication, name: str, status: int
) -> None:
    answered, body = post(exported, name, exported.project.id)
    assert answered == status, body
    if status == 202:
        assert body["accepted"] == 0
        assert body["reason"]


def test_the_webhook_takes_every_envelope(exported: BuiltApplication) -> None:
    asset, _ = assets_of(exported)[0]
    label = exported.world.submit_label(asset)
    for name in ("label_created_review", "label_created_review_wrapped", "asset_deleted"):
        assert post(exported, name, exported.project.id, asset, label.id)[1] == {"accepted": 1}
    # The ids inside base64 are those of a project that is not registered.
    assert post(exported, "base64_body")[1]["reason"] == "project not registered"
    exported.finish_runs()
    assert not exported.why_it_failed()


def test_nothing_is_left_for_reconciliation_to_repair(exported: BuiltApplication) -> None:
    exported.finish_runs()
    answer = exported.invoke("reconcile", sample("reconcile/schedule"))
    [project] = answer["projects"]
    assert project["error"] is None
    assert project["project_id"] == exported.project.id
    assert not any(project["repaired"].values()), project


def test_reconciliation_finds_what_no_event_told(exported: BuiltApplication) -> None:
    asset, _ = assets_of(exported)[1]
    exported.world.submit_label(asset)
    before = manifest(exported, "raw").generation
    answer = exported.invoke("reconcile", sample("reconcile/schedule"))
    assert answer["projects"][0]["repaired"]["changed"] == 1
    exported.finish_runs()
    assert not exported.why_it_failed()
    assert manifest(exported, "raw").generation == before + 1


@pytest.mark.parametrize("name", CALLED)
def test_a_function_asks_for_nothing_that_its_policy_does_not_allow(
    exported: BuiltApplication, name: str
) -> None:
    gate = exported.gates[name]
    assert gate.used, "it asked for nothing at all"
    assert gate.refused == set()


@pytest.mark.parametrize("name", CALLED)
def test_a_function_is_allowed_nothing_that_only_might_be_of_use(
    exported: BuiltApplication, name: str
) -> None:
    assert exported.gates[name].never_used - NEEDED_AFTER_MISHAPS.get(name, set()) == set()


@pytest.mark.parametrize("name", CALLED)
def test_neither_secrets_nor_labels_are_in_a_functions_log(
    exported: BuiltApplication, name: str
) -> None:
    log = exported.sandboxes[name].log
    assert "START RequestId" in log
    for private in (WEBHOOK_SECRET, exported.world.api_key, "normalizedVertices", "Signature="):
        assert private not in log


@pytest.mark.parametrize("name", CALLED)
def test_cold_start_and_memory_are_measured(
    exported: BuiltApplication, name: str, record_property: Any
) -> None:
    measured = exported.sandboxes[name].measured()
    limit = functions()[name]["MemorySize"]
    assert 0 < measured.cold_start <= measured.first_call
    assert 0 < measured.peak_memory < limit
    record_property(
        "measured",
        f"{name:<18} starts in {measured.cold_start:5.0f} ms, answers its first call after "
        f"{measured.first_call:5.0f} ms, uses {measured.peak_memory:4.0f} of {limit} MB",
    )
