"""Keeps the report of an export's losses beside its archive."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import orjson

from kili_export.archives.ledger.asset_ledger import (
    AssetRecord,
    loses_nothing,
    record_from_bytes,
)
from kili_export.archives.ledger.contested_paths import ConflictNote
from kili_export.archives.ledger.ledger_reader import LedgerReader, open_ledger
from kili_export.archives.loss_report.report_changes import LossChanges
from kili_export.archives.loss_report.report_rows import ReportRows, UnreadableReport
from kili_export.archives.manifest import Manifest, ReportReference
from kili_export.core.bucket_layout import report_key
from kili_export.core.errors import ExportError
from kili_export.storage.external_sort import ExternalSorter, grouped, joined
from kili_export.storage.object_store import ObjectStore, StoredObject

_VERSION: Final = "version"
_END: Final = b"\0"
_LARGEST: Final = 64 << 20
"""Bytes of a report that is held, three times at once, to bring it up to date."""
_Losses = tuple[tuple[str, str], ...]
"""Reasons, each with the place."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LossReports:
    """Writes reports. No more than `most_assets` are listed, which bounds what it holds."""

    objects: ObjectStore
    most_assets: int = 100_000

    def refresh(
        self,
        manifest: Manifest,
        before: Manifest | None = None,
        changes: LossChanges | None = None,
    ) -> None:
        """Brings the report up to the manifest; `before` is the one that it replaced.

        Without losses nothing is asked or written. Where `changes` tells what the manifest changes
        against the one before, the former report is brought up to them; otherwise, or when it is
        not there as that manifest names it, the ledger is read. The archive is published already:
        a report that fails is logged, and the next run writes it.
        """
        try:
            if manifest.report is not None:
                self._write(manifest, manifest.report, before, changes)
            elif before is not None and before.report is not None:
                self.objects.delete([before.report.key])
        except ExportError:
            _log.warning("the loss report could not be brought up to date", exc_info=True)

    def renew(self, manifest: Manifest) -> None:
        """Makes sure that there is the manifest's report and no other, whatever went before.

        Raises TransientError, ConflictError.
        """
        if manifest.report is not None:
            self._write(manifest, manifest.report, None, None)
        else:
            self.objects.delete([report_key(manifest.project_id, manifest.export_name)])

    def scanned(self, manifest: Manifest) -> bytes:
        """The report out of the ledger: what it lists is held once, as text."""
        records = _all_losses(open_ledger(self.objects, manifest))
        return ReportRows.scanned(records, self.most_assets).rendered(manifest)

    def _write(
        self,
        manifest: Manifest,
        report: ReportReference,
        before: Manifest | None,
        changes: LossChanges | None,
    ) -> None:
        present = self.objects.head(report.key)
        if present is not None and present.metadata.get(_VERSION) == report.version:
            return
        data = None
        if before is not None and changes is not None:
            data = self._patched(manifest, before, changes, present)
        self.objects.put(
            report.key,
            data or self.scanned(manifest),
            if_match=None if present is None else present.etag,
            if_none_match=present is None,
            metadata={_VERSION: report.version},
            content_type="application/json",
        )

    def _patched(
        self,
        manifest: Manifest,
        before: Manifest,
        changes: LossChanges,
        present: StoredObject | None,
    ) -> bytes | None:
        """The report out of the former one, None if that is not to be relied on."""
        try:
            former = self._former(before.report, present)
            return changes.applied_to(former, self.most_assets).rendered(manifest)
        except UnreadableReport as reason:
            _log.info("the ledger is read for the loss report: of the former one, %s", reason)
            return None

    def _former(self, named: ReportReference | None, present: StoredObject | None) -> ReportRows:
        if named is None:
            return ReportRows()
        if present is None or present.metadata.get(_VERSION) != named.version:
            raise UnreadableReport("another one is there")
        if present.size > _LARGEST:
            raise UnreadableReport("it is too large to be held")
        found = self.objects.get(named.key, if_match=present.etag)
        if found is None:
            raise UnreadableReport("it is gone")
        return ReportRows.parse(found[0])


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


def _all_losses(ledger: LedgerReader) -> Iterator[AssetRecord]:
    """The assets that lose something, in server order; of what names were lost they say it too."""
    own = ((name.encode(), (data, _Losses())) for name, data in ledger.scan())
    for _, (known, contested) in joined(own, _contested(ledger)):
        if known is None or known[0] is None:
            continue
        lost = contested[1] if contested is not None else ()
        # Most assets lose nothing, and their records are long.
        if lost or not loses_nothing(known[0]):
            record = record_from_bytes(known[0])
            yield replace(record, losses=(*record.losses, *lost)) if lost else record


def _contested(ledger: LedgerReader) -> Iterator[tuple[bytes, tuple[None, _Losses]]]:
    """By the entries of assets, ascending, the files whose names they do not have."""
    lost = ExternalSorter()
    for data in ledger.contests():
        for entry, loss in ConflictNote.from_bytes(data).losses():
            lost.add(b"".join((entry.encode(), _END, orjson.dumps(loss))))
    for group in grouped(lost, lambda item: item.partition(_END)[0]):
        found = [item.partition(_END) for item in group]
        losses = (orjson.loads(loss) for _, _, loss in found)
        yield found[0][0], (None, tuple((reason, where) for reason, where in losses))
