"""What S3 was asked, as the server itself counts it: by everybody, the workflow included."""

import re
from dataclasses import dataclass
from pathlib import Path

import requests

from local.stack.seaweed import metrics_url

_SAMPLE = re.compile(r"^(SeaweedFS_s3_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_REQUESTS = "SeaweedFS_s3_request_total"
_UP = "SeaweedFS_s3_bucket_traffic_received_bytes_total"
_DOWN = "SeaweedFS_s3_bucket_traffic_sent_bytes_total"


@dataclass(frozen=True, slots=True)
class S3Count:
    """Requests, and bytes from the clients (`up`) and to them. Copies by the server move none."""

    requests: int
    up: int
    down: int

    def __sub__(self, earlier: "S3Count") -> "S3Count":
        """What came after."""
        return S3Count(
            self.requests - earlier.requests, self.up - earlier.up, self.down - earlier.down
        )


def s3_count(data_dir: Path, bucket: str) -> S3Count:
    """What one bucket of the server over a directory was asked since it started."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(metrics_url(data_dir), timeout=30)
    answer.raise_for_status()
    totals = dict.fromkeys((_REQUESTS, _UP, _DOWN), 0.0)
    for name, labels, value in _SAMPLE.findall(answer.text):
        if name in totals and f'bucket="{bucket}"' in labels:
            totals[name] += float(value)
    return S3Count(int(totals[_REQUESTS]), int(totals[_UP]), int(totals[_DOWN]))
