"""The comparison of converters: it compares the same files, and tells when they are not."""

import json

import pytest

from devtools.bench.converters import __main__ as converters
from devtools.bench.converters.__main__ import (
    Measurement,
    SidesDisagree,
    Timing,
    main,
    measure,
    table,
)
from devtools.bench.converters.corpora import generated_corpus, mask_corpus, real_corpus
from devtools.bench.converters.sides import SDK_SIDES, as_fetched, ours
from devtools.parity.real_pictures import real_pictures_are_there

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("format_name", SDK_SIDES)
def test_both_sides_write_the_same_files(format_name: str) -> None:
    for corpus in (generated_corpus(3), mask_corpus(1)):
        measured = measure(corpus, format_name, rounds=1)
        assert measured.assets == len(corpus.texts)
        assert measured.megabytes > 0


@pytest.mark.skipif(
    not real_pictures_are_there(), reason="the sample of COCO 2017 does not lie beside"
)
def test_real_pictures_are_repeated() -> None:
    corpus = real_corpus(50)
    assert corpus is not None
    answers = corpus.answers()
    assert len({answer["id"] for answer in answers}) == 50
    assert answers[0]["latestLabel"] == answers[41]["latestLabel"]


def test_sides_that_differ_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SDK_SIDES, "yolo_v8", lambda *_: {"labels/pictures/000000.txt": b"0 1\n"})
    with pytest.raises(SidesDisagree, match=r"yolo_v8: .* is only ours"):
        measure(generated_corpus(1), "yolo_v8", rounds=1)


def test_generated_corpora_are_alike_in_every_run() -> None:
    assert mask_corpus(2).texts == mask_corpus(2).texts
    assert generated_corpus(2).texts != generated_corpus(3).texts[1:]


def test_conversion_leaves_nothing_out() -> None:
    corpus = generated_corpus(2)
    files = ours("coco")(corpus.project, as_fetched(corpus.answers()))
    document = json.loads(files["labels.json"])
    assert [image["id"] for image in document["images"]] == [0, 1]
    assert [one["id"] for one in document["annotations"]] == list(range(1, 45))


def test_a_missed_target_is_called_so() -> None:
    slow = Measurement("real", "coco", 100, 1.0, ours=Timing(1, 1), sdk=Timing(8, 9))
    fast = Measurement("real", "kili", 100, 1.0, ours=Timing(1, 1), sdk=Timing(3, 3))
    lines = table([slow, fast]).splitlines()
    assert lines[2].split()[-3:] == ["9.0", "10:", "missed"]
    assert lines[3].split()[-2:] == ["3.0", "3"]


def test_without_the_sample_generated_pictures_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(converters, "real_corpus", lambda _: None)
    arguments = ["--real", "2", "--masks", "0", "--rounds", "1", "--formats", "coco", "--json"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "does not lie beside" in said.err
    [one] = json.loads(said.out)["measurements"]
    assert (one["corpus"], one["format"], one["assets"]) == ("generated", "coco", 2)
