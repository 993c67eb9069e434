"""The formats by name. A new one is a folder of its own and a line here for the code alone.

"Add a format" in CONTRIBUTING.md has the whole list.
"""

from collections.abc import Mapping

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions
from kili_export.formats.coco.coco import CocoFormat
from kili_export.formats.coco.shapes import shape_within
from kili_export.formats.common.format import ExportFormat
from kili_export.formats.corrected.corrected import (
    CorrectedCocoFormat,
    CorrectedGeoJsonFormat,
    CorrectedKiliFormat,
    CorrectedPascalVocFormat,
    unique_folder,
)
from kili_export.formats.corrected.pictures import flat_pictures, pictures_in_folders
from kili_export.formats.corrected.yolo import CorrectedYoloFormat
from kili_export.formats.geojson.geojson import GeoJsonFormat
from kili_export.formats.jsonl.jsonl import JsonlFormat
from kili_export.formats.kili_raw.kili import KiliFormat
from kili_export.formats.pascal_voc.pascal_voc import PascalVocFormat, box_within
from kili_export.formats.yolo.classes import class_list, class_mapping, class_sequence
from kili_export.formats.yolo.yolo import YoloFormat

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
    "jsonl": JsonlFormat(),
}
_KILI = KiliFormat(unique_folder, keeps_folders=True, knows_geotiffs=True)
CORRECTED: Mapping[str, ExportFormat] = {
    "kili": CorrectedKiliFormat(_KILI),
    "raw": CorrectedKiliFormat(_KILI),
    **{name: CorrectedYoloFormat(FORMATS[name]) for name in FORMATS if name.startswith("yolo_")},
    "coco": CorrectedCocoFormat(
        CocoFormat(pictures_in_folders, shape_within, first_category=1, describes_pictures=True)
    ),
    "pascal_voc": CorrectedPascalVocFormat(PascalVocFormat(flat_pictures, box_within)),
    "geojson": CorrectedGeoJsonFormat(GeoJsonFormat(strict=True)),
    "jsonl": JsonlFormat(),
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
