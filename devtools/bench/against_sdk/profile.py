"""Where the processor time of converting goes: each part on its own, in this process."""

import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import orjson

from devtools.bench.measured import FORMATS, MERGED
from kili_export.core.asset import FetchedAsset
from kili_export.core.clock import SystemClock
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_dates import Moments
from kili_export.formats.common.format import Conversion, ExportContext
from kili_export.formats.common.label_selection import moments_of_labels
from kili_export.formats.registry import format_of
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.kili.fetching import PAGE
from kili_export.kili.http.exact_json import parse_json
from kili_export.local.demo.kili_process import KiliProcess
from kili_export.runs.segment_records import SegmentWriter
from kili_export.splicing.entries import LEVEL, RAW_DEFLATE
from kili_export.steps.conversion.asset_source import FetchNeeds

_UNLIMITED: Final = 100_000_000
_DATED: Final = "2026-01-02T03:04:05.678000+00:00"
_FETCHING: Final = "asking Kili and downloading"
_PARSING: Final = "parsing labels"
_COMPRESSING: Final = "compressing"
_WRITING: Final = "entries, digests and records"


def profile_conversion(kili: KiliProcess, project_id: str) -> Mapping[str, float]:
    """Seconds of processor time by part, in the order of the work, for all formats.

    Fetches and converts a project as the workers do, without S3.
    """
    client = KiliClient.connect(
        KiliSettings(kili.endpoint, kili.api_key, _UNLIMITED), SystemClock()
    )
    project = client.project(project_id)
    exports = [
        ExportOptions(format=kind, layout=Layout.MERGED if kind in MERGED else Layout.SPLIT)
        for kind in FORMATS
    ]
    contexts = [ExportContext(project, options, _DATED) for options in exports]
    needs = FetchNeeds.of(project, exports)
    ids = [listed.asset_id for listed in client.list_asset_ids(project_id)]
    watch = _Stopwatch()
    for start in range(0, len(ids), PAGE):
        with watch.over(_FETCHING):
            batch = client.fetch_assets(project_id, ids[start : start + PAGE], needs).assets
        contents = _contents(batch)
        with watch.over(_PARSING, within=_FETCHING):
            for content in contents:
                parse_json(content)
        for context in contexts:
            _convert(batch, context, watch)
    return watch.seconds


@dataclass(frozen=True, slots=True)
class _Stopwatch:
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def over(self, part: str, within: str | None = None) -> Iterator[None]:
        """Adds to a part. What another part did too is taken off that one."""
        began = time.process_time()
        yield
        spent = time.process_time() - began
        self.seconds[part] += spent
        if within is not None:
            self.seconds[within] -= spent


def _contents(batch: Sequence[FetchedAsset]) -> list[bytes]:
    labels = [one.latest_label for one in batch if one.latest_label is not None]
    return [orjson.dumps(label["jsonResponse"]) for label in labels]


def _convert(batch: Sequence[FetchedAsset], context: ExportContext, watch: _Stopwatch) -> None:
    writer = format_of(context.options)
    converted: list[tuple[FetchedAsset, Conversion, Moments]] = []
    with watch.over(f"converting to {context.options.format}"):
        for asset in batch:
            selected = writer.select(asset, context)
            if selected is not None:
                moments = moments_of_labels(asset, selected, context.options)
                converted.append((asset, writer.convert(selected, context), moments))
    segment = SegmentWriter()
    with watch.over(_WRITING):
        for asset, conversion, moments in converted:
            segment.add(asset, conversion, moments=moments)
        segment.finish()
    with watch.over(_COMPRESSING, within=_WRITING):
        for _, conversion, _ in converted:
            for member in conversion.members:
                zlib.compress(member.data, LEVEL, RAW_DEFLATE)
