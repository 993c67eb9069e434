"""README and guides show commands, options and exports that exist."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from kili_export.formats.registry import FORMATS
from kili_export.local.main import parser
from kili_export.registration.parse_registration import parse_registration

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (
    *sorted(ROOT.glob("*.md")),
    ROOT / "docs" / "index.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?kili-export (.*)$", re.MULTILINE)
INLINE = re.compile(r"`kili-export ([^`]+)`")
COMMAND = re.compile(r"[a-z]+(?: [a-z]+)?")
OPTION = re.compile(r"--[a-z-]+")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands_in_blocks(text: str) -> Iterator[str]:
    """The commands of the blocks, without what follows a pipe."""
    for _, block in FENCED.findall(text):
        for line in LINE.findall(block):
            yield line.partition(" | ")[0]


def commands_in_sentences(text: str) -> list[str]:
    return INLINE.findall(FENCED.sub("", text))


def samples(text: str) -> list[str]:
    """The declarations of exports."""
    blocks = [block for language, block in FENCED.findall(text) if language == "yaml"]
    return [block for block in blocks if "exports:" in block]


def on_pages(found_in: Callable[[str], Iterable[str]]) -> Mapping[str, str]:
    """What is found, with the page that has it."""
    return {one: name_of(page) for page in PAGES for one in found_in(page.read_text("utf-8"))}


BLOCKS = on_pages(commands_in_blocks)
SENTENCES = on_pages(commands_in_sentences)
SAMPLES = on_pages(samples)


def test_the_readme_has_at_most_900_words() -> None:
    assert len(README.read_text("utf-8").split()) <= 900


def test_each_kind_of_example_is_found() -> None:
    tutorial, readers = "docs/tutorial/first-dataset.md", "docs/how-to/consume.md"
    assert {tutorial, readers, "docs/how-to/deploy.md"} <= {*BLOCKS.values()}
    assert {tutorial, readers, "docs/how-to/run-on-one-machine.md"} <= {*SAMPLES.values()}
    assert len(BLOCKS) > 30
    assert len(SENTENCES) > 15


@pytest.mark.parametrize("sample", SAMPLES, ids=SAMPLES.values())
def test_every_sample_of_exports_can_be_registered(sample: str) -> None:
    declared = yaml.safe_load(sample)
    registration = parse_registration(declared, FORMATS)
    names = [export["name"] for export in declared["exports"]]
    assert [export.name for export in registration.exports] == names


@pytest.mark.parametrize("command", BLOCKS)
def test_every_command_of_a_block_is_accepted(command: str) -> None:
    parsed = parser().parse_args(shlex.split(command, comments=True))
    assert command.startswith(parsed.command)


@pytest.mark.parametrize("command", SENTENCES)
def test_every_command_and_option_of_a_sentence_exists(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = COMMAND.match(command)
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*(named[0].split() if named else ()), "--help"])
    assert ended.value.code == 0
    assert {*OPTION.findall(command)} <= {*OPTION.findall(capsys.readouterr().out)}
