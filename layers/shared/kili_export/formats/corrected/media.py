"""Whole media under names that no other asset's can be."""

from dataclasses import replace

from kili_export.core.asset import SelectedAsset
from kili_export.core.file_paths import member_path
from kili_export.core.media import MediaRequest
from kili_export.formats.common.format import ExportContext, LossCollector
from kili_export.formats.common.media_files import media_requests
from kili_export.formats.corrected.names import UniqueName, unique_name
from kili_export.formats.corrected.pictures import frame_name


def unique_media(
    asset: SelectedAsset, context: ExportContext, folder: str
) -> tuple[MediaRequest, ...]:
    """The files to put into `folder`; frames bear their numbers. Raises AssetError."""
    name = unique_name(asset, LossCollector())
    called = replace(asset, external_id=f"{name.stem}{name.extension}")
    requests = media_requests(called, context, folder)
    if context.project.input_type == "VIDEO":
        return tuple(
            replace(request, path=member_path(folder, f"{frame_name(name.stem, frame)}.jpg"))
            for frame, request in enumerate(requests)
        )
    return _apart(requests, name, folder)


def _apart(
    requests: tuple[MediaRequest, ...], name: UniqueName, folder: str
) -> tuple[MediaRequest, ...]:
    """A rich text brings the document that it is shown by besides, which is another file."""
    if len(requests) < 2:
        return requests
    document, *rest = requests
    path = member_path(folder, f"{name.stem}.content.json")
    return (replace(document, path=path, guessed=False), *rest)
