"""What a small run sends to S3 is what its steps ask the store for: one request each."""

from collections import Counter

import pytest
from moto import mock_aws

from tests.security.recorded_world import RecordedWorld
from tests.support.protocol_world import PROJECT

LOOKED_UP_FOR_KILI = 2
"""This world looks the key for Kili up whenever it asks; functions remember it for a minute."""


@pytest.mark.parametrize("knows", [True, False], ids=["the same process", "a new process"])
def test_a_change_of_four_exports(*, knows: bool) -> None:
    with mock_aws():
        exports = {"raw": "kili", "yolo": "yolo_v8", "coco": "coco", "rows": "jsonl"}
        world = RecordedWorld(exports=dict(exports), short=True)
        world.request_run(PROJECT)
        world.run_pending()
        for number in range(2):
            if not knows:
                world.recent.clear()
            world.submit("as_000", f"changed_{number}", 0.3 + number / 10)
            world.recorder.counted.clear()
            world.run_pending()
        sent = Counter(
            {name: count for name, count in world.recorder.counted.items() if "s3." in name}
        )
    known = Counter({"s3.GetObject": 8, "s3.PutObject": 29})
    unknown = Counter({"s3.GetObject": 16, "s3.HeadObject": 4})
    looked_up = Counter({"s3.GetObject": LOOKED_UP_FOR_KILI})
    assert sent == known + looked_up + (Counter() if knows else unknown)
