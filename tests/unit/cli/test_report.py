"""`kili-export report` tells what an export does not hold."""

import json
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from kili_export.cli.commands import report as command
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.reading_source import ReadingSource
from kili_export.core.export_options import ExportOptions, Layout
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """An export of one asset, whose label names a category that is gone or not."""
    bench = Workbench(
        project({"CARS": job(["BIG"])}), {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)}
    )
    source = SimpleNamespace(objects=bench.objects)
    monkeypatch.setattr(ReadingSource, "of", lambda _: source)
    return bench


def _publish(bench: Workbench, category: str) -> None:
    drawn: Any = label(answers(CARS=[box(category, 0.1, 0.1, 0.9, 0.8, mid="m1")]))
    found = fetched(asset(1, "a.jpg", drawn))
    bench.kili.assets[found.asset_id] = found
    bench.rebuild()


def _report(*, as_json: bool) -> ExitCode:
    return command.report(Namespace(project_id="proj1", export="yolo", json=as_json))


def test_people_see_asset_place_and_reason(
    bench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(bench, "GONE")

    assert _report(as_json=False) is ExitCode.OK

    shown = " ".join(capsys.readouterr().out.split())
    told = "as_1 a.jpg labels/a.txt CARS/m1 an annotation's category is not in the interface"
    assert told in shown
    assert "By reason" in shown


def test_programs_get_the_report_as_it_is(
    bench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(bench, "GONE")

    assert _report(as_json=True) is ExitCode.OK

    told = json.loads(capsys.readouterr().out)
    [row] = told["assets"]
    assert (row["external_id"], row["files"]) == ("a.jpg", ["labels/a.txt"])
    assert row["losses"][0]["where"] == "CARS/m1"
    assert told["reasons"] == {"an annotation's category is not in the interface": 1}


def test_an_export_that_holds_everything_says_so(
    bench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(bench, "BIG")

    assert _report(as_json=False) is ExitCode.OK
    assert "Export yolo holds everything." in capsys.readouterr().out
