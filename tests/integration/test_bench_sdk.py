"""The benchmark's other side: one export by Kili's SDK, measured."""

import zipfile
from pathlib import Path

import pytest

from devtools.bench.against_sdk.sdk import Sdk, SdkFailed
from kili_export.local.demo.kili_process import KiliProcess

pytestmark = pytest.mark.slow


def test_an_export_of_the_sdk_is_measured(tmp_path: Path) -> None:
    with KiliProcess(tmp_path / "kili.log") as kili:
        sdk = Sdk(kili, tmp_path)
        measured = sdk.measure("full", kili.project_id, "coco", 48)
        assert zipfile.is_zipfile(sdk.archive("coco"))
        assert measured.archive == sdk.archive("coco").stat().st_size
        assert measured.calls >= 2, "the project and a page of assets at least"
        assert measured.peak_memory > 30 * 2**20
        assert measured.cpu > 0
        assert 0 <= measured.waited < measured.seconds
        with pytest.raises(SdkFailed, match="coco"):
            sdk.measure("full", "no-such-project", "coco", 48)
