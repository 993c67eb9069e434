"""Files that answers consist of: which an archive holds, and how its labels name them."""

from collections.abc import Iterator, Mapping
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.file_paths import member_path, safe_path
from kili_export.core.media import MediaRequest
from kili_export.core.urls import AnswerFile, address_of
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import response_of

_NO_FILE = "an answer names no file that could be asked for"


def answer_file_requests(
    asset: SelectedAsset, project_id: str, folder: str
) -> tuple[MediaRequest, ...]:
    """The files of all answers, to be put into the asset's own `folder`.

    Of two that get one name the last one has it, as in the SDK.
    """
    files = {
        _path(folder, job, answer): AnswerFile(project_id, asset.asset_id, answer["fileId"])
        for label in asset.labels
        for job, answer in _file_answers(response_of(label))
        if _has_file(answer)
    }
    return tuple(
        MediaRequest(address_of(file), path, guessed=False) for path, file in files.items()
    )


def with_file_paths(
    response: Mapping[str, Any], folder: str, losses: LossCollector
) -> Mapping[str, Any]:
    """The answers, those that are files with `filePath`: where the archive has the file."""
    named = {}
    for job, answer in _file_answers(response):
        if _has_file(answer):
            named[job] = {**answer, "filePath": _path(folder, job, answer)}
        else:
            losses.add(_NO_FILE, job)
    if not named:
        return response
    level = response.get("assetLevel")
    # A file belongs to no frame, so in videos the answers of the whole asset hold it.
    if isinstance(level, dict):
        return {**response, "assetLevel": {**level, **named}}
    return {**response, **named}


def _file_answers(response: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    level = response.get("assetLevel")
    for job, answer in (level if isinstance(level, dict) else response).items():
        if isinstance(answer, dict) and "fileId" in answer:
            yield job, answer


def _has_file(answer: Mapping[str, Any]) -> bool:
    return isinstance(answer["fileId"], str) and answer["fileId"] != ""


def _path(folder: str, job: str, answer: Mapping[str, Any]) -> str:
    return member_path(folder, safe_path(f"{job}_{answer.get('fileName', answer['fileId'])}"))
