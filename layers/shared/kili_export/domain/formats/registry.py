"""The formats by name. A new one is a module of its own and a line here."""

from collections.abc import Mapping

from kili_export.domain.errors import IncompatibleProject
from kili_export.domain.formats.base import ExportFormat
from kili_export.domain.formats.coco import CocoFormat
from kili_export.domain.formats.corrected import (
    CorrectedCocoFormat,
    CorrectedGeoJsonFormat,
    CorrectedKiliFormat,
    CorrectedPascalVocFormat,
    unique_folder,
)
from kili_export.domain.formats.corrected_pictures import flat_pictures, pictures_in_folders
from kili_export.domain.formats.corrected_yolo import CorrectedYoloFormat
from kili_export.domain.formats.geojson import GeoJsonFormat
from kili_export.domain.formats.kili import KiliFormat
from kili_export.domain.formats.pascal_voc import PascalVocFormat
from kili_export.domain.formats.yolo import YoloFormat
from kili_export.domain.formats.yolo_classes import class_list, class_mapping, class_sequence
from kili_export.domain.options import Compatibility, ExportOptions

FORMATS: Mapping[str, ExportFormat] = {
    "kili": KiliFormat(),
    "raw": KiliFormat(),
    "yolo_v4": YoloFormat(class_list),
    "yolo_v5": YoloFormat(class_mapping),
    "yolo_v7": YoloFormat(class_sequence),
    "yolo_v8": YoloFormat(class_sequence),
    "coco": CocoFormat(),
    "pascal_voc": PascalVocFormat(),
    "geojson": GeoJsonFormat(),
}
CORRECTED: Mapping[str, ExportFormat] = {
    "kili": CorrectedKiliFormat(KiliFormat(unique_folder, keeps_folders=True)),
    "raw": CorrectedKiliFormat(KiliFormat(unique_folder, keeps_folders=True)),
    **{name: CorrectedYoloFormat(FORMATS[name]) for name in FORMATS if name.startswith("yolo_")},
    "coco": CorrectedCocoFormat(CocoFormat(pictures_in_folders, bridges_holes=True)),
    "pascal_voc": CorrectedPascalVocFormat(PascalVocFormat(flat_pictures)),
    "geojson": CorrectedGeoJsonFormat(FORMATS["geojson"]),
}


def format_named(name: str) -> ExportFormat:
    """The format of that name. Raises IncompatibleProject naming the known ones."""
    if name not in FORMATS:
        raise IncompatibleProject(
            f"There is no format named {name!r}; known are {', '.join(FORMATS)}."
        )
    return FORMATS[name]


def format_of(options: ExportOptions) -> ExportFormat:
    """The format that options ask for. Raises IncompatibleProject when it is not known."""
    as_sdk = format_named(options.format)
    return as_sdk if options.compatibility is Compatibility.SDK else CORRECTED[options.format]
