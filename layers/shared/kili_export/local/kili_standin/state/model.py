"""What the stand-in holds: projects, their members, assets and labels.

Contents of labels and media are sources that render bytes when somebody asks, so that a project
of fifty thousand assets costs little until it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import orjson

LabelType = Literal["DEFAULT", "REVIEW", "AUTOSAVE", "PREDICTION", "INFERENCE"]
StepType = Literal["DEFAULT", "REVIEW"]
StepStatus = Literal[
    "TO_DO", "DOING", "IN_PROGRESS", "PARTIALLY_DONE", "REWORK", "REDO", "DONE", "SKIPPED"
]
SUBMITTED: frozenset[str] = frozenset({"DEFAULT", "REVIEW"})


class ContentSource(Protocol):
    """The answer of a label, as JSON bytes."""

    def render(self) -> bytes:
        """The jsonResponse, serialised."""
        ...


@dataclass(frozen=True, slots=True)
class StoredContent:
    """An answer held as it is."""

    json_bytes: bytes

    def render(self) -> bytes:
        """The stored bytes."""
        return self.json_bytes

    @classmethod
    def of(cls, answers: dict[str, Any]) -> "StoredContent":
        """Serialises an answer; key order is kept."""
        return cls(orjson.dumps(answers))


EMPTY_CONTENT = StoredContent(b"{}")


class MediaSource(Protocol):
    """A file that an asset shows."""

    @property
    def content_type(self) -> str:
        """Its media type, such as `image/png`."""
        ...

    def render(self) -> bytes:
        """The file's bytes."""
        ...


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """A file held as it is."""

    file_bytes: bytes
    content_type: str = "application/octet-stream"

    def render(self) -> bytes:
        """The stored bytes."""
        return self.file_bytes


@dataclass(frozen=True, slots=True)
class User:
    """A member of the project."""

    id: str
    email: str
    firstname: str
    lastname: str
    role: str = "LABELER"


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the workflow.

    A label belongs to the first step of its own type, unless it names another one.
    """

    id: str
    name: str
    type: StepType


@dataclass(slots=True)
class Lag:
    """Why a change is not visible yet: until a moment, or for a number of reads.

    `late`: the label is not listed at all. `former`: it is listed, with `former` as its content.
    """

    kind: Literal["late", "former"]
    former: ContentSource = EMPTY_CONTENT
    until: datetime | None = None
    reads_left: int | None = None


@dataclass(slots=True)
class Label:
    """One person's (or model's) answer on an asset."""

    id: str
    author: User
    label_type: LabelType
    created_at: datetime
    updated_at: datetime
    content: ContentSource
    is_sent_back: bool = False
    model_name: str | None = None
    seconds_to_label: int = 12
    version: int = 0
    honeypot_mark: float | None = None
    consensus_mark: float | None = None
    inference_mark: float | None = None
    step_id: str | None = None
    lag: Lag | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue or a question raised on an asset."""

    id: str
    type: Literal["ISSUE", "QUESTION"]
    status: Literal["OPEN", "SOLVED", "CANCELLED"]


@dataclass(slots=True)
class Asset:
    """A picture, video, document or text, and the labels on it, oldest first.

    `json_content` is what its `jsonContent` points at; a video that has `frames` lists their
    addresses there instead.
    """

    id: str
    external_id: str
    created_at: datetime
    updated_at: datetime
    media: MediaSource | None = None
    content_url: str | None = None
    json_content: Any = None
    frames: list[MediaSource] = field(default_factory=list)
    resolution: tuple[int, int] | None = None
    page_resolutions: list[dict[str, Any]] | None = None
    json_metadata: dict[str, Any] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    skipped: bool = False
    is_honeypot: bool = False
    is_used_for_consensus: bool = False
    to_review: bool = False
    consensus_mark: float | None = None
    honeypot_mark: float | None = None
    inference_mark: float | None = None
    priority: int = 0
    assignees: list[User] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    group_name: str | None = None
    geospatial_export_metadata: Any = None


@dataclass(slots=True)
class Project:
    """A project. `assets` is in creation order, which is the order of every listing.

    `inline_json_response`: answers are in `jsonResponse` instead of behind `jsonResponseUrl`.
    `interface_as_object`: `jsonInterface` is an object instead of a string.
    `media_behind_key`: media are at the API's own address and need the key.
    `labels_touch_asset`: a label moves its asset's `updatedAt`. The real server's way is unknown.
    """

    id: str
    title: str
    description: str | None
    input_type: str
    json_interface: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    users: list[User]
    steps: list[Step]
    workflow_version: str = "V2"
    geospatial_settings: Any = None
    data_connections: list[str] = field(default_factory=list)
    archived: bool = False
    inline_json_response: bool = False
    interface_as_object: bool = False
    media_behind_key: bool = False
    labels_touch_asset: bool = True
    assets: dict[str, Asset] = field(default_factory=dict)
    revision: int = 0

    def step_of(self, label_type: str) -> Step | None:
        """The step that labels of this type belong to; none for predictions and drafts."""
        return next((step for step in self.steps if step.type == label_type), None)

    def step_of_label(self, label: Label) -> Step | None:
        """The step that the label belongs to."""
        named = next((step for step in self.steps if step.id == label.step_id), None)
        return named or self.step_of(label.label_type)

    def user(self, who: str | None) -> User:
        """The member with this id or e-mail, the first one when nobody is named.

        Raises LookupError when there is no such member.
        """
        if who is None:
            return self.users[0]
        for user in self.users:
            if who in (user.id, user.email):
                return user
        raise LookupError(f"no member {who!r} in project {self.id}")

    def labels(self) -> Iterator[tuple[Asset, Label]]:
        """Every label with its asset, by asset, oldest first."""
        for asset in self.assets.values():
            for label in asset.labels:
                yield asset, label
