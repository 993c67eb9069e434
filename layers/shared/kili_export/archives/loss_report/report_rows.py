"""The text of a report of losses: a line for its head, and one for each asset."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.manifest import Manifest

_BEGIN: Final = b',\n"assets":[\n'
_BETWEEN: Final = b",\n"
_END: Final = b"\n]}\n"
_MOST_FILES: Final = 10
"""Of an asset: videos have thousands."""


class UnreadableReport(ValueError):
    """A report is not what was expected."""


@dataclass(slots=True)
class ReportRows:
    """What a report says: the listed assets' lines in server order, and counts of all."""

    rows: dict[str, bytes] = field(default_factory=dict)
    left_out: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many assets lost something."""
        return len(self.rows) + self.left_out

    @classmethod
    def scanned(cls, records: Iterable[AssetRecord], most_assets: int) -> "ReportRows":
        """The report of all assets, which come in server order."""
        reasons: Counter[str] = Counter()
        report = cls(reasons=reasons)
        for record in records:
            if not record.losses:
                continue
            reasons.update(reason for reason, _ in record.losses)
            if len(report.rows) == most_assets:
                report.left_out += 1
            else:
                report.rows[record.asset_id] = row_of(record)
        return report

    @classmethod
    def parse(cls, data: bytes) -> "ReportRows":
        """Reads what `rendered` wrote. Raises UnreadableReport."""
        head, found, rest = data.partition(_BEGIN)
        lines = rest.removesuffix(_END)
        try:
            if not found or lines == rest:
                raise UnreadableReport("it was written otherwise")
            values = orjson.loads(head + b"}")
            # No line feed stands in a line: JSON escapes those of its strings.
            rows = {_named(line): line for line in lines.split(_BETWEEN) if line}
            return cls(rows, values["assets_left_out"], values["reasons"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableReport("it cannot be read") from error

    def rendered(self, manifest: Manifest) -> bytes:
        """The document."""
        reasons = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        head = {
            "schema_version": 1,
            "project_id": manifest.project_id,
            "export_name": manifest.export_name,
            "generation": manifest.generation,
            "assets_left_out": self.left_out,
            "reasons": dict(reasons),
        }
        lines = _BETWEEN.join(self.rows.values())
        return b"".join((orjson.dumps(head)[:-1], _BEGIN, lines, _END))


def row_of(record: AssetRecord) -> bytes:
    """An asset's line."""
    losses = [{"reason": reason, "where": where} for reason, where in record.losses]
    files = [file.path for file in record.files]
    row = {
        "asset_id": record.asset_id,
        "external_id": record.external_id,
        "files": files[:_MOST_FILES],
        "files_left_out": max(0, len(files) - _MOST_FILES),
        "losses": losses,
    }
    return orjson.dumps(row)


def _named(line: bytes) -> str:
    """The asset of a line. Raises UnreadableReport for a line of a former version."""
    row = orjson.loads(line)
    if "external_id" not in row:
        raise UnreadableReport("a former version wrote it")
    return str(row["asset_id"])
