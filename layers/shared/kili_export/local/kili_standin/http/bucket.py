"""The bucket behind the signed links: label documents, jsonContent, media and job files.

Layout: `/bucket/labels/{asset}/{label}.json`, `/bucket/json-content/{asset}.json`,
`/bucket/media/{asset}`, `/bucket/media/{asset}/{frame}`, `/bucket/files/{project}/{asset}/{file}`.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from kili_export.local.kili_standin.state.model import Asset, ContentSource, MediaSource
from kili_export.local.kili_standin.state.state import UnknownEntity, WorldState

_XML = "application/xml"


@dataclass(frozen=True, slots=True)
class BucketAnswer:
    """What the bucket gives for a link."""

    status: int
    body: bytes
    content_type: str


class Bucket:
    """Answers requests for objects of one world."""

    def __init__(self, world: WorldState) -> None:
        self._world = world

    def get(self, target: str, *, authorized: bool) -> BucketAnswer:
        """The object of a signed link; `authorized` if the request had an Authorization header."""
        if authorized:
            return _refused(400, "InvalidArgument", "Only one auth mechanism allowed")
        checked = self._world.urls.check(target)
        if checked.verdict == "expired":
            return _refused(403, "AccessDenied", "Request has expired")
        if checked.verdict == "forged":
            return _refused(403, "SignatureDoesNotMatch", "The signature does not match")
        try:
            return self._object(checked.path.removeprefix("/bucket/").split("/"))
        except UnknownEntity:
            return _missing()

    def media(self, asset_id: str) -> BucketAnswer:
        """The media of an asset, for callers that may see it."""
        try:
            return self._object(["media", asset_id])
        except UnknownEntity:
            return _missing()

    def _object(self, names: list[str]) -> BucketAnswer:
        match names:
            case ["labels", asset_id, label_name]:
                body = self._label(asset_id, label_name.removesuffix(".json")).render()
                return BucketAnswer(200, body, "application/json")
            case ["json-content", asset_name]:
                _, asset = self._world.asset(asset_name.removesuffix(".json"))
                body = orjson.dumps(self._json_content(asset))
                return BucketAnswer(200, body, "application/json")
            case ["media", asset_id]:
                media = self._media(asset_id)
                return BucketAnswer(200, media.render(), media.content_type)
            case ["media", asset_id, frame]:
                picture = self._frame(asset_id, frame)
                return BucketAnswer(200, picture.render(), picture.content_type)
            case ["files", project_id, asset_id, file_id]:
                self._world.asset(asset_id, project_id)
                body = f"file {file_id} of asset {asset_id}\n".encode()
                return BucketAnswer(200, body, "text/plain")
            case _:
                raise UnknownEntity("/".join(names))

    def _label(self, asset_id: str, label_id: str) -> ContentSource:
        with self._world.lock:
            _, asset = self._world.asset(asset_id)
            for label in asset.labels:
                if label.id == label_id:
                    return self._world.content(label, counted=True)
        raise UnknownEntity(label_id)

    def _json_content(self, asset: Asset) -> Any:
        """The document itself, or the frames of a video: fresh links by number from 0."""
        if not asset.frames:
            return asset.json_content
        sign = self._world.urls.sign
        return {
            str(number): sign(f"/bucket/media/{asset.id}/{number}")
            for number in range(len(asset.frames))
        }

    def _frame(self, asset_id: str, number: str) -> MediaSource:
        _, asset = self._world.asset(asset_id)
        if not number.isdecimal() or int(number) >= len(asset.frames):
            raise UnknownEntity(f"{asset_id}/{number}")
        return asset.frames[int(number)]

    def _media(self, asset_id: str) -> MediaSource:
        _, asset = self._world.asset(asset_id)
        if asset.media is None:
            raise UnknownEntity(asset_id)
        return asset.media


def _missing() -> BucketAnswer:
    return _refused(404, "NoSuchKey", "The specified key does not exist.")


def _refused(status: int, code: str, message: str) -> BucketAnswer:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return BucketAnswer(status, body.encode(), _XML)
