"""What a new user types, in order: on a terminal, and into a file."""

from dataclasses import dataclass
from typing import Literal

PROJECT = "PROJECT_ID"
"""Stands for the project's id in a line."""
EXPORTS = """\
project_id: PROJECT_ID
exports:
  - name: train
    format: yolo_v8
    layout: merged
    compatibility: corrected
    with_assets: true
    split: {train: 0.8, val: 0.2}
  - name: kili
    format: kili
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A line that is typed. `until` is what it shows before Ctrl+C or an `answer` is typed.

    `event` happens in Kili before it, as the stand-in's operation. `secret` hides what it shows.
    """

    line: str
    to: Literal["terminal", "file"] = "terminal"
    until: str | None = None
    answer: str | None = None
    event: tuple[str, str] | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Steps with a title. `with_stack` says whether a stack runs meanwhile."""

    title: str
    steps: tuple[Step, ...]
    with_stack: bool = True


def _file(line: str) -> Step:
    return Step(line, "file")


WHAT_IS_THERE = Part(
    "What there is",
    (
        Step("kili-export"),
        Step("kili-export --version"),
        Step("kili-export doctor"),
        Step("kili-export statsu"),
        Step("kili-export status"),
    ),
    with_stack=False,
)
FILES = Part(
    "Archives in files, without a stack",
    (
        Step(f"kili-export export {PROJECT} --format coco --output coco.zip"),
        _file(f"kili-export export {PROJECT} --format coco --output again.zip"),
        _file(f"kili-export export {PROJECT} --format kili --output kili.zip --json"),
        Step(f"kili-export export {PROJECT} --format yolo_v8 --output no/such/folder.zip"),
        Step("kili-export export no-such-project --format coco --output coco.zip"),
    ),
    with_stack=False,
)
START = "kili-export up --state state --port 8090 --follow-every 0"
"""Without the events that it looks for itself, so that the session shows those it waits for."""
REGISTERED = Part(
    "A project is registered",
    (
        Step("kili-export doctor"),
        Step(f"kili-export register {PROJECT} --file exports.yaml --wait"),
        Step(f"kili-export webhook install {PROJECT}"),
        Step("kili-export status"),
        _file("kili-export status"),
        _file("kili-export status --json"),
        Step(f"kili-export register {PROJECT} --export yolo=yolo_v9"),
    ),
)
READ = Part(
    "Somebody reads it",
    (
        Step(f"kili-export pull {PROJECT} train --output train.zip"),
        Step(f"kili-export sync {PROJECT} train dataset"),
        Step(f"kili-export sync {PROJECT} train dataset"),
        Step(f"kili-export snapshot {PROJECT} train v1"),
        Step(f"kili-export report {PROJECT} train"),
        Step(f"kili-export view {PROJECT} train", until="Ctrl+C"),
        Step(f"kili-export pull {PROJECT} other --output other.zip"),
    ),
)
CHANGED = Part(
    "Labels change",
    (
        Step(f"kili-export wait {PROJECT}", event=("submit_label", "scene-28.png")),
        _file(f"kili-export wait {PROJECT} --json"),
        Step(f"kili-export sync {PROJECT} train dataset"),
        Step(f"kili-export run {PROJECT} --wait", event=("delete_asset", "scene-30.png")),
        _file(f"kili-export run {PROJECT} --full --wait"),
        Step(f"kili-export diff {PROJECT} train v1"),
        Step(f"kili-export history {PROJECT}"),
        Step(f"kili-export snapshots {PROJECT} train"),
        Step(f"kili-export labels {PROJECT} --output labels.jsonl"),
        Step(f"kili-export assets {PROJECT} --output assets.jsonl"),
    ),
)
OPERATED = Part(
    "Somebody operates it",
    (
        Step("kili-export credentials", secret=True),
        Step(f"kili-export reconcile {PROJECT}"),
        Step(f"kili-export confirm {PROJECT}"),
        Step(f"kili-export release {PROJECT} train"),
        Step(f"kili-export retry {PROJECT}"),
        Step(f"kili-export deliveries {PROJECT}"),
        Step(f"kili-export cost {PROJECT}"),
        Step("kili-export backup backup"),
        Step("kili-export restore --backup backup --state restored"),
        Step(f"kili-export webhook remove {PROJECT}"),
        Step(f"kili-export purge {PROJECT} kili", until="to go on: ", answer="no"),
        _file(f"kili-export purge {PROJECT} kili"),
        Step(f"kili-export purge {PROJECT} kili --yes"),
        Step(f"kili-export unregister {PROJECT}"),
        Step("kili-export teardown"),
    ),
)
DEMO = Part("Everything at once", (_file("kili-export demo"),), with_stack=False)
PARTS = (WHAT_IS_THERE, FILES, REGISTERED, READ, CHANGED, OPERATED, DEMO)
