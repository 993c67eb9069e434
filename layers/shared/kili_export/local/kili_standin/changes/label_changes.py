"""What people do to labels, with the events that the server sends about it.

Deleting a label and saving a draft send nothing, as on the real server.
"""

from datetime import timedelta
from typing import Any, get_args

import orjson

from kili_export.local.kili_standin.projects.answers import Answers, edited, random_answers
from kili_export.local.kili_standin.state.identifiers import iso
from kili_export.local.kili_standin.state.label_rules import newest_submitted, position
from kili_export.local.kili_standin.state.model import (
    EMPTY_CONTENT,
    Asset,
    ContentSource,
    Label,
    LabelType,
    Lag,
    Project,
    StoredContent,
    User,
)
from kili_export.local.kili_standin.state.state import PushedLabel, WorldState

_HANDLERS = {"DEFAULT": "onSubmit", "REVIEW": "onReview"}


class LabelChanges(WorldState):
    """Submitting, editing, deleting, reviewing, and sending back."""

    def submit_label(
        self,
        asset: str,
        *,
        project_id: str | None = None,
        author: str | None = None,
        label_type: LabelType = "DEFAULT",
        json_response: Answers | None = None,
        model_name: str | None = None,
    ) -> Label:
        """Adds a label to an asset, named by id or externalId.

        Without `json_response` the answer is a chance edit of the asset's newest label.
        Raises UnknownEntity, and ValueError for a label type that does not exist.
        """
        if label_type not in get_args(LabelType):
            raise ValueError(f"unknown label type {label_type!r}")
        with self.lock:
            project, target = self.asset(asset, project_id)
            user = project.user(author)
            before = position(project, target, target.labels)
            now = self.clock.tick()
            label = Label(
                id=self.identifiers.next_id(now),
                author=user,
                label_type=label_type,
                created_at=now,
                updated_at=now,
                content=self._answer(project, target, json_response),
                model_name=model_name,
            )
            former = next(
                (one.content for one in reversed(target.labels) if one.author.id == user.id),
                EMPTY_CONTENT,
            )
            target.labels.append(label)
            self._touch(project, target, label)
            self._maybe_lag(project, label, former)
            self._announce_submission(project, target, label)
            self._announce_step(project, target, user, before)
            return label

    def review(
        self,
        asset: str,
        *,
        project_id: str | None = None,
        author: str | None = None,
        json_response: Answers | None = None,
    ) -> Label:
        """Adds a REVIEW label, by a reviewer when no author is named.

        Without `json_response` it confirms the newest submitted label.
        """
        with self.lock:
            project, target = self.asset(asset, project_id)
            newest = newest_submitted(target.labels)
            if json_response is None and newest is not None:
                json_response = orjson.loads(newest.content.render())
            reviewers = (user.id for user in project.users if user.role == "REVIEWER")
            return self.submit_label(
                target.id,
                project_id=project.id,
                author=author or next(reviewers, None),
                label_type="REVIEW",
                json_response=json_response,
            )

    def edit_label(self, label_id: str, json_response: Answers | None = None) -> Label:
        """Changes a label's answer, by chance when none is given."""
        with self.lock:
            project, asset, label = self.label(label_id)
            former = label.content
            if json_response is None:
                json_response = edited(orjson.loads(former.render()), self.random)
            label.content = StoredContent.of(json_response)
            label.version += 1
            self._touch(project, asset, label)
            self._maybe_lag(project, label, former)
            payload = _payload(asset, label)
            self.emit(project, "label.workflow.edited", payload, label.author)
            self.emit(project, "label.jsonResponse.store.started", payload, label.author)
            return label

    def delete_label(self, label_id: str) -> None:
        """Removes a label. No event announces it."""
        with self.lock:
            project, asset, label = self.label(label_id)
            asset.labels = [one for one in asset.labels if one is not label]
            self.changed(project)

    def send_back(
        self, asset: str, *, project_id: str | None = None, user: str | None = None
    ) -> Label:
        """Rejects the newest submitted label. Raises ValueError when there is none."""
        with self.lock:
            project, target = self.asset(asset, project_id)
            label = newest_submitted(target.labels)
            if label is None:
                raise ValueError(f"asset {target.id} has no submitted label to send back")
            before = position(project, target, target.labels)
            label.is_sent_back = True
            self._touch(project, target, label)
            after = position(project, target, target.labels)
            by = project.user(user)
            self.call_handler(project, "onSendBackToQueue", {"asset_id": target.id})
            if before is not None and after is not None:
                steps = {"previousStepId": before.step.id, "newStepId": after.step.id}
                self.emit(project, "label.workflow.rejected", _payload(target, label) | steps, by)
            self._announce_step(project, target, by, before)
            return label

    def _answer(
        self, project: Project, asset: Asset, json_response: Answers | None
    ) -> ContentSource:
        if json_response is not None:
            return StoredContent.of(json_response)
        if asset.labels:
            newest = orjson.loads(asset.labels[-1].content.render())
            return StoredContent.of(edited(newest, self.random))
        return StoredContent.of(random_answers(project.json_interface, self.random))

    def _touch(self, project: Project, asset: Asset, label: Label) -> None:
        label.updated_at = self.clock.tick()
        if project.labels_touch_asset:
            asset.updated_at = label.updated_at
        self.changed(project)
        self.push(PushedLabel(project, asset, label))

    def _maybe_lag(self, project: Project, label: Label, former: ContentSource) -> None:
        fault = self.faults.on_data("stale_content", project.id)
        if fault is None:
            return
        until = self.clock.now() + timedelta(seconds=fault.seconds) if fault.seconds else None
        self.delay_visibility(label, Lag(fault.lag, former, until, fault.reads))

    def _announce_submission(self, project: Project, asset: Asset, label: Label) -> None:
        if label.label_type == "AUTOSAVE":
            return
        payload = _payload(asset, label)
        if handler := _HANDLERS.get(label.label_type):
            self.call_handler(project, handler, _pushed(asset, label))
        kind = label.label_type.lower()
        self.emit(project, f"label.workflow.created.{kind}", payload, label.author)
        self.emit(project, "label.jsonResponse.store.started", payload, label.author)
        if label.label_type == "REVIEW":
            self.emit(project, "label.workflow.validated", payload, label.author)

    def _announce_step(self, project: Project, asset: Asset, user: User, before: Any) -> None:
        after = position(project, asset, asset.labels)
        if before is None or after is None or before.step == after.step:
            return
        payload = {
            "assetId": asset.id,
            "externalId": asset.external_id,
            "previousStepId": before.step.id,
            "newStepId": after.step.id,
        }
        self.emit(project, "asset.workflow.currentStep.changed", payload, user)


def _payload(asset: Asset, label: Label) -> dict[str, Any]:
    return {"assetId": asset.id, "labelId": label.id, "externalId": asset.external_id}


def _pushed(asset: Asset, label: Label) -> dict[str, Any]:
    answers = orjson.loads(label.content.render())
    return {
        "asset_id": asset.id,
        "label": {
            "id": label.id,
            "labelType": label.label_type,
            "authorId": label.author.id,
            "jsonResponse": answers,
            "isSentBackToQueue": label.is_sent_back,
            "isLatestLabelForUser": True,
            "createdAt": iso(label.created_at),
            "updatedAt": iso(label.updated_at),
            "version": label.version,
            "numberOfAnnotations": count_annotations(answers),
            "modelName": label.model_name,
            "secondsToLabel": label.seconds_to_label,
            "search": {},
        },
    }


def count_annotations(answers: Answers) -> int:
    """How many annotations an answer holds at its top level."""
    return sum(
        len(answer.get("annotations") or ())
        for answer in answers.values()
        if isinstance(answer, dict)
    )
