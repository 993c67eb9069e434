"""Which media of an asset go into an archive, and where, as the SDK's `with_assets` has it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.errors import AssetError
from kili_export.core.file_paths import member_path, safe_path
from kili_export.core.media import Measure, MediaRequest
from kili_export.core.urls import is_url
from kili_export.formats.common.format import ExportContext
from kili_export.formats.common.pixels import size_of
from kili_export.formats.common.video_cuts import Series, frame_cut

_UNREADABLE_FRAMES = "The list of the video's frames cannot be read."
_NOT_CUT = (
    "The video has no frames of its own, and is not cut with these options; leave compatibility"
    " out, set with_assets to false, or have Kili split the project's videos into frames."
)


def media_requests(
    asset: SelectedAsset,
    context: ExportContext,
    folder: str,
    series: Callable[[SelectedAsset], Iterable[Series]] | None = None,
) -> tuple[MediaRequest, ...]:
    """The files to put into `folder`, named after the asset; none in an export without media.

    A video that has no frames of its own is preceded by the `series` that it is to be cut into.
    Raises AssetError, also for such a video where none are given.
    """
    if not context.options.with_assets:
        return ()
    requests = tuple(_requests(asset, context.project.input_type, folder))
    if context.project.input_type == "VIDEO" and not is_url(asset.fields.get("jsonContent")):
        return (*_cuts(asset, folder, series, requests), *requests)
    return requests


def measured(
    requests: Iterable[MediaRequest], asset: SelectedAsset, measure: Measure
) -> tuple[MediaRequest, ...]:
    """The requests, so that the picture's size is read from its file if Kili does not know it."""
    if size_of(asset.fields) is not None:
        return tuple(requests)
    return tuple(replace(request, measure=measure) for request in requests)


def _cuts(
    asset: SelectedAsset,
    folder: str,
    series: Callable[[SelectedAsset], Iterable[Series]] | None,
    requests: Sequence[MediaRequest],
) -> Iterator[MediaRequest]:
    if requests and series is None:
        raise AssetError(_NOT_CUT, asset_id=asset.asset_id)
    name = safe_path(asset.external_id)
    for video in requests:
        for suffix, digits in series(asset) if series else ():
            path = member_path(folder, f"{name}{suffix}")
            cut = frame_cut(asset.fields.get("jsonMetadata"), digits)
            yield MediaRequest(video.url, path, guessed=False, cut=cut)


def _requests(asset: SelectedAsset, input_type: str, folder: str) -> Iterator[MediaRequest]:
    content, json_content = asset.fields.get("content"), asset.fields.get("jsonContent")
    name = safe_path(asset.external_id)
    if isinstance(json_content, str) and is_url(json_content):
        if input_type == "VIDEO":
            yield from _frames(asset, name, folder)
            return
        if input_type == "GEOSPATIAL":
            return
        if input_type == "TEXT":
            yield MediaRequest(json_content, member_path(folder, name))
        elif input_type != "IMAGE":
            raise AssetError(
                f"The media of a {input_type} asset with a jsonContent cannot be exported; set"
                " with_assets to false.",
                asset_id=asset.asset_id,
            )
    if isinstance(content, str) and is_url(content):
        yield MediaRequest(content, member_path(folder, name))


def _frames(asset: SelectedAsset, name: str, folder: str) -> Iterator[MediaRequest]:
    """The frames in the order of the list, whatever its keys are."""
    for number, url in enumerate(urls := frame_urls(asset), start=1):
        frame = f"{name}_{str(number).zfill(len(str(len(urls))))}.jpg"
        yield MediaRequest(url, member_path(folder, frame), guessed=False)


def frame_urls(asset: SelectedAsset) -> list[str]:
    """Where the frames of a video are, in their order.

    Raises AssetError when the video has none of its own, or their list cannot be read.
    """
    if not is_url(asset.fields.get("jsonContent")) and is_url(asset.fields.get("content")):
        raise AssetError(_NOT_CUT, asset_id=asset.asset_id)
    frames: Any = asset.json_content
    urls = list(frames.values()) if isinstance(frames, Mapping) else None
    if urls is None or not all(is_url(url) for url in urls):
        raise AssetError(_UNREADABLE_FRAMES, asset_id=asset.asset_id)
    return urls
