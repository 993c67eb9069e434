"""What S3 was asked, by everybody, the workflow included.

The server tells how many requests there were. Bytes are counted at a proxy by which everybody
reaches it: the server's own count of bytes takes in what it copied by itself.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import requests

from devtools.bench.against_sdk.counting_proxy import CountingProxy
from kili_export.local.stack.seaweed import metrics_url

_SAMPLE = re.compile(r"^(SeaweedFS_s3_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_REQUESTS = "SeaweedFS_s3_request_total"


@dataclass(frozen=True, slots=True)
class S3Count:
    """Requests, and bytes on the wire from the clients (`up`) and to them, HTTP's own included.

    A copy by the server moves none but those of its request.
    """

    requests: int
    up: int
    down: int

    def __sub__(self, earlier: "S3Count") -> "S3Count":
        """What came after."""
        return S3Count(
            self.requests - earlier.requests, self.up - earlier.up, self.down - earlier.down
        )


def s3_count(data_dir: Path, bucket: str, door: CountingProxy) -> S3Count:
    """What one bucket of the server over a directory was asked since it started."""
    up, down = door.snapshot()
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(metrics_url(data_dir), timeout=30)
    answer.raise_for_status()
    asked = sum(
        float(value)
        for name, labels, value in _SAMPLE.findall(answer.text)
        if name == _REQUESTS and f'bucket="{bucket}"' in labels
    )
    return S3Count(int(asked), up, down)
