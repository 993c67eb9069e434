"""Keeps the report of an export's losses beside its archive."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from kili_export.contracts.manifest import Manifest, ReportReference
from kili_export.domain.errors import ExportError
from kili_export.domain.keys import report_key
from kili_export.domain.ledger import AssetRecord
from kili_export.ports import ObjectStore
from kili_export.usecases.ledger_reading import open_ledger

_VERSION = "version"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LossReports:
    """Writes reports. No more than `most_assets` are listed, which bounds what it holds."""

    objects: ObjectStore
    most_assets: int = 100_000

    def refresh(self, manifest: Manifest, before: Manifest | None = None) -> None:
        """Brings the report up to the manifest; `before` is the one that it replaced.

        The ledger is read when losses changed, and without losses nothing is asked or written.
        The archive is published already: a report that fails is logged, and the next run writes
        it.
        """
        try:
            if manifest.report is not None:
                self._write(manifest, manifest.report)
            elif before is not None and before.report is not None:
                self.objects.delete([before.report.key])
        except ExportError:
            _log.warning("the loss report could not be brought up to date", exc_info=True)

    def _write(self, manifest: Manifest, report: ReportReference) -> None:
        present = self.objects.head(report.key)
        if present is not None and present.metadata.get(_VERSION) == report.version:
            return
        self.objects.put(
            report.key,
            self._rendered(manifest),
            if_match=None if present is None else present.etag,
            if_none_match=present is None,
            metadata={_VERSION: report.version},
            content_type="application/json",
        )

    def _rendered(self, manifest: Manifest) -> bytes:
        """The document, an asset at a time: what it lists is held once, as text."""
        reasons: Counter[str] = Counter()
        listed = bytearray()
        count = left_out = 0
        for record in open_ledger(self.objects, manifest).all():
            if not record.losses:
                continue
            reasons.update(reason for reason, _ in record.losses)
            if count == self.most_assets:
                left_out += 1
                continue
            listed += b",\n" if count else b""
            listed += orjson.dumps(_asset(record))
            count += 1
        head = {
            "schema_version": 1,
            "project_id": manifest.project_id,
            "export_name": manifest.export_name,
            "generation": manifest.generation,
            "assets_left_out": left_out,
            "reasons": dict(reasons.most_common()),
        }
        return b"".join((orjson.dumps(head)[:-1], b',\n"assets":[\n', listed, b"\n]}\n"))


def reference_to_report(
    manifest: Manifest, previous: Manifest | None, attempt: str, *, changed: bool
) -> ReportReference | None:
    """Where the report of the losses is; None without any.

    The version changes with the losses alone.
    """
    if not manifest.losses:
        return None
    if previous is not None and previous.report is not None and not changed:
        return previous.report
    key = report_key(manifest.project_id, manifest.export_name)
    return ReportReference(key=key, version=attempt)


def losses_of(records: Mapping[str, AssetRecord]) -> dict[str, Iterable[tuple[str, str]]]:
    """What of some assets is lost, by asset."""
    return {key: tuple(record.losses) for key, record in records.items() if record.losses}


def _asset(record: AssetRecord) -> dict[str, object]:
    losses = [{"reason": reason, "where": where} for reason, where in record.losses]
    return {"asset_id": record.asset_id, "losses": losses}
