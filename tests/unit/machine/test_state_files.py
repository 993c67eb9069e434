"""Secrets and announcements of one machine."""

from pathlib import Path

import pytest

from kili_export.core.clock import SystemClock
from kili_export.core.errors import InvalidConfiguration
from kili_export.machine import announcements
from kili_export.machine.state_files import SECRETS, StateFiles


def test_a_secret_is_read_by_its_name(tmp_path: Path) -> None:
    (tmp_path / SECRETS).write_text('{"key": " value\\n", "other": "x"}')
    secret = StateFiles(tmp_path, SystemClock()).secret("key")
    assert secret.value() == "value"
    assert secret.accepted() == ("value",)
    assert list(secret.versions()) == ["value"]


@pytest.mark.parametrize("contents", ['{"key": ""}', '{"key": 7}', "{}", "[]", "half {"])
def test_a_secret_without_a_value_names_its_file(tmp_path: Path, contents: str) -> None:
    (tmp_path / SECRETS).write_text(contents)
    with pytest.raises(InvalidConfiguration, match=SECRETS):
        StateFiles(tmp_path, SystemClock()).secret("key").value()


def test_a_missing_file_of_secrets_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=SECRETS):
        StateFiles(tmp_path, SystemClock()).secret("key").value()


def test_announcements_are_read_in_their_order_and_the_latest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "KEPT", 3)
    with StateFiles(tmp_path, SystemClock()) as files:
        for number in range(5):
            files.announcements.publish("Export Published", {"generation": number})
        told = list(files.announcements.after(0))
        assert [one.detail["generation"] for one in told] == [2, 3, 4]
        assert [one.number for one in files.announcements.after(told[1].number)] == [5]
