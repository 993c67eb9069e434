"""The recipes of docs/how-to/recipes.md do what they say, and say so where they were not run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from tests.support.markdown_blocks import fenced
from tests.support.reader_site import BUCKET, ReaderSite, reader_site
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import change
from tests.unit.steps.publishing.test_increments import labelled, two_jobs
from tests.unit.steps.publishing.test_media import put

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/recipes.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part.partition("\n")[2] for part in PAGE.split("\n## ")[1:]}
BY_CRON, BY_EVENTS = (
    SECTIONS["Train when labels changed, from cron"],
    next(text for name, text in SECTIONS.items() if "EventBridge" in name),
)


@dataclass
class Readers:
    """A reader's shell, in a folder with a `train.sh` that notes what it trained on."""

    site: ReaderSite
    folder: Path

    def run(self, script: str, *arguments: str, status: int = 0) -> str:
        written = self.folder / "script.sh"
        written.write_text(self.here(script))
        done = subprocess.run(
            ("sh", str(written), *arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    def here(self, text: str) -> str:
        """With the address of this site's exports."""
        return text.replace("s3://my-bucket/exports/clabc123/", self.site.address(""))

    @property
    def environment(self) -> dict[str, str]:
        commands = Path(sys.executable).parent
        return {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL_S3": self.site.server.endpoint,
            **self.site.environment(),
        }

    @property
    def trainings(self) -> int:
        noted = self.folder / "trainings"
        return len(noted.read_text().splitlines()) if noted.exists() else 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderSite]:
    layout, corrected = Layout.MERGED, Compatibility.CORRECTED
    options = {
        "yolo": ExportOptions("yolo_v8", layout=layout),
        "train": ExportOptions("yolo_v8", layout, with_assets=True, compatibility=corrected),
        "coco": ExportOptions("coco", layout, with_assets=True, compatibility=corrected),
    }
    bench = Workbench(two_jobs(), options)
    # Of the first ones there are no pictures: where there should be, they are in quarantine.
    for number in range(4):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    for number in range(4, 6):
        put(bench, number, f"{number}.png")
    bench.rebuild()
    yield from reader_site(tmp_path_factory.mktemp("s3"), bench)


@pytest.fixture
def readers(site: ReaderSite, tmp_path: Path) -> Readers:
    train = tmp_path / "train.sh"
    train.write_text('#!/bin/sh\ntest -e "$1/data.yaml" && echo >> trainings && test ! -e fail\n')
    train.chmod(0o755)
    return Readers(site, tmp_path)


def test_the_script_trains_once_for_each_state_and_again_after_a_failure(readers: Readers) -> None:
    [script] = fenced(BY_CRON, "sh")
    (readers.folder / "fail").touch()
    readers.run(script, status=1)
    (readers.folder / "fail").unlink()
    readers.run(script)
    assert readers.trainings == 2
    readers.run(script)
    assert readers.trainings == 2
    change(readers.site.bench, 1)
    readers.site.publish()
    readers.run(script)
    assert readers.trainings == 3


def test_the_program_trains_once_for_each_state(readers: Readers) -> None:
    [program] = fenced(BY_CRON, "python")
    written = readers.folder / "program.py"
    written.write_text(readers.here(program))
    command = f"{sys.executable} program.py"
    generation = readers.site.bench.manifest("yolo").generation
    assert readers.run(command) == f"train on generation {generation}\n"
    assert readers.run(command) == ""
    change(readers.site.bench, 2)
    readers.site.publish()
    assert readers.run(command) == f"train on generation {generation + 1}\n"


class Template(yaml.SafeLoader):
    """Reads a template; a function of CloudFormation becomes its argument."""


Template.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    [text] = fenced(BY_EVENTS, "yaml")
    found: dict[str, Any] = yaml.load(text, Template)
    return {name: one["Properties"] for name, one in found["Resources"].items()}


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether EventBridge takes an event, for patterns of exact values."""
    return all(
        matches(wanted, event[name]) if isinstance(wanted, dict) else event[name] in wanted
        for name, wanted in pattern.items()
    )


def test_the_rule_takes_what_is_published_and_hands_on_which(
    resources: dict[str, Any], readers: Readers
) -> None:
    event = json.loads((ROOT / "events/consumers/export_published.json").read_bytes())
    failed = json.loads((ROOT / "events/consumers/export_failed.json").read_bytes())
    pattern = resources["WhenPublished"]["EventPattern"]
    assert matches(pattern, event)
    assert not matches(pattern, failed)
    event["detail"] |= {"bucket": BUCKET, "project_id": "proj1", "export_name": "yolo"}
    [target] = resources["WhenPublished"]["Targets"]
    handed = target["InputTransformer"]["InputTemplate"]
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        value: Any = {"$": event}
        for part in path.split("."):
            value = value[part]
        handed = handed.replace(f"<{name}>", json.dumps(value))
    parameters = json.loads(handed)["Parameters"]
    command = [
        re.sub(r"^Ref::(\w+)$", lambda found: parameters[found[1]], word)
        for word in resources["Training"]["ContainerProperties"]["Command"]
    ]
    subprocess.run(command, cwd=readers.folder, env=readers.environment, check=True)
    assert readers.trainings == 1


def test_a_corrected_dataset_is_where_the_trainer_looks(readers: Readers) -> None:
    section = SECTIONS["Ultralytics"]
    [script] = fenced(section, "sh")
    assert "names:" in readers.run(script)
    [path] = re.findall(r"data=(\S+)", section)
    assert (readers.folder / path).is_file()


def test_pictures_are_named_from_the_folder_of_the_labels(readers: Readers) -> None:
    """As FiftyOne and torchvision take them."""
    readers.run("kili-export sync s3://my-bucket/exports/clabc123/coco dataset", status=3)
    for name in ("FiftyOne", "torchvision"):
        assert '"dataset/labels.json"' in SECTIONS[name]
        assert '="dataset"' in SECTIONS[name]
    document = json.loads((readers.folder / "dataset/labels.json").read_bytes())
    assert document["images"]
    for one in document["images"]:
        assert (readers.folder / "dataset" / one["file_name"]).is_file()


def test_what_hugging_face_is_asked_is_what_the_judges_ask() -> None:
    [program] = fenced(SECTIONS["Hugging Face datasets"], "python")
    asked = program.splitlines()[-1]
    assert asked in (ROOT / "tests/support/datasets_child.py").read_text("utf-8")


def test_every_other_block_says_that_it_is_not_run_with_what_it_follows() -> None:
    for name, text in SECTIONS.items():
        others = fenced(text, "text") + (fenced(text, "python") if name == "FiftyOne" else [])
        assert not others or re.search(r"\*\*Not run here\*\*, after\s+\[[^]]+\]\(https://", text)
