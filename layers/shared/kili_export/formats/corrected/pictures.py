"""Pictures whose names no other asset's can be, each with the labels that are of it.

A label has a picture of its own, because tools find the one by the other's name; so a picture
with several labels is in an archive once for each. So is a frame of a video that a label
mentions, by its number in the video.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import PurePosixPath
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.file_paths import member_path
from kili_export.core.media import MediaRequest
from kili_export.core.pictures.names import DECODED, LOADED
from kili_export.core.urls import is_url
from kili_export.formats.common.format import ExportContext, LossCollector
from kili_export.formats.common.frame_pictures import frame_number, is_video
from kili_export.formats.common.jobs import response_of
from kili_export.formats.common.label_names import numbered_labels
from kili_export.formats.common.labeled_pictures import ONLY, LabeledPicture, label_names
from kili_export.formats.common.media_files import frame_urls
from kili_export.formats.corrected.names import UniqueName, flat_name, unique_name

_NO_PICTURE = "the asset has no picture that could be downloaded, so it is left out"
_PASSED_OVER = "tools that train pass over a picture of this kind"
_NO_FRAME = "the video has no frame of that number, so it is left out"
_DIGITS = 6
_Naming = Callable[[SelectedAsset, LossCollector], UniqueName]


def pictures_in_folders(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector
) -> Iterator[LabeledPicture]:
    """The pictures under names that keep the customer's folders. Raises AssetError."""
    return _pictures(asset, context, losses, unique_name, DECODED)


def flat_pictures(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector
) -> Iterator[LabeledPicture]:
    """The pictures under names without folders. Raises AssetError."""
    return _pictures(asset, context, losses, flat_name, LOADED)


def picture_requests(
    asset: SelectedAsset, pictures: Iterable[LabeledPicture], folder: str
) -> list[MediaRequest]:
    """What must be downloaded to have the pictures in `folder`. Raises AssetError."""
    frames = cache(partial(frame_urls, asset))
    return [
        MediaRequest(
            str(asset.fields["content"]) if picture.frame is None else frames()[picture.frame],
            member_path(folder, picture.name),
            guessed=False,
            for_loaders=picture.frame is None,
        )
        for picture in pictures
    ]


def frame_name(stem: str, frame: int) -> str:
    """What the frame, counted from 0, of a video is called: by its number from 1."""
    return f"{stem}_{frame + 1:0{_DIGITS}d}"


def _pictures(
    asset: SelectedAsset,
    context: ExportContext,
    losses: LossCollector,
    naming: _Naming,
    known_to_tools: Collection[str],
) -> Iterator[LabeledPicture]:
    name = naming(asset, losses)
    if is_video(context.project):
        yield from _frames(asset, context, losses, name)
        return
    if context.options.with_assets and not is_url(asset.fields.get("content")):
        losses.add(_NO_PICTURE)
        return
    names = label_names(asset, context)
    for ordinal, suffix, label in numbered_labels(asset):
        whole = UniqueName(name.stem + suffix, _extension(asset, name))
        if PurePosixPath(whole.picture).suffix.lower() not in known_to_tools:
            losses.add(_PASSED_OVER, whole.picture)
        known, response = names[ordinal - 1], response_of(label)
        yield LabeledPicture(ONLY, whole.stem, whole.picture, response, label_names=known)


def _extension(asset: SelectedAsset, name: UniqueName) -> str:
    """The extension of the asset's file in the archive, once it was fetched."""
    return PurePosixPath(asset.media[0]).suffix if asset.media else name.extension


def _frames(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector, name: UniqueName
) -> Iterator[LabeledPicture]:
    count = len(frame_urls(asset)) if context.options.with_assets else None
    names = label_names(asset, context)
    for ordinal, suffix, label in numbered_labels(asset):
        for frame, response in sorted(_frames_of(response_of(label)).items()):
            stem = frame_name(name.stem + suffix, frame)
            if count is not None and frame >= count:
                losses.add(_NO_FRAME, str(frame))
            else:
                key, known = f"{ONLY}/{frame}", names[ordinal - 1]
                yield LabeledPicture(
                    key, stem, f"{stem}.jpg", response, frame=frame, label_names=known
                )


def _frames_of(response: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    return {
        number: frame
        for key, frame in response.items()
        if (number := frame_number(key)) is not None and isinstance(frame, Mapping)
    }
