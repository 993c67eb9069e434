"""The stand-in as a process: one line when ready, and it stops when told to."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_a_file_and_stops(
    tmp_path: Path, number: signal.Signals
) -> None:
    document = tmp_path / "project.json"
    document.write_text(
        json.dumps(
            {
                "id": "p1",
                "title": "From a file",
                "jsonInterface": {"jobs": {}},
                "assets": [{"externalId": "only.png"}],
            }
        )
    )
    command = [sys.executable, "-m", "kili_export.local.kili_standin", "--api-key", "k"]
    with subprocess.Popen(
        [*command, "--project", str(document)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["api_key"] == "k"
        assert ready["project_ids"] == ["p1"]
        answer = requests.post(
            ready["endpoint"],
            json={"query": "{ data: countAssets(where: {}) }"},
            headers={"Authorization": "X-API-Key: k"},
            timeout=60,
        )
        assert answer.json() == {"data": {"data": 1}}
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
