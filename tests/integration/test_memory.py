"""What publishing and `sync` need of memory does not grow with the project."""

import tempfile
from argparse import Namespace

import pytest

from devtools.bench.memory.__main__ import measure

pytestmark = pytest.mark.slow

_FEW, _MANY = 2_000, 24_000
_ALLOWED_MIB = 70
"""Objects for each of the assets would take more than 6 KiB apiece."""
_PUBLISHING = ("first export", "increment", "comparison")
_SYNC = ("first export", "first sync", "increment", "later sync")


@pytest.mark.parametrize(("case", "steps"), [("coco", _PUBLISHING), ("yolo_v8", _SYNC)])
def test_ten_times_the_assets_take_hardly_more_memory(case: str, steps: tuple[str, ...]) -> None:
    peaks = {}
    for assets in (_FEW, _MANY):
        options = Namespace(assets=assets, changed=100)
        with tempfile.TemporaryDirectory(prefix="kili-export-memory-") as folder:
            for step in steps:
                peaks[step, assets], _ = measure(folder, case, step, options)
    growth = {step: peaks[step, _MANY] - peaks[step, _FEW] for step, _ in peaks}
    assert max(growth.values()) < _ALLOWED_MIB, f"MiB more for {_MANY - _FEW} assets: {growth}"
