"""Brings the generated blocks of docs/reference up to date.

    python -m devtools.docs [--check]

With `--check` nothing is written. The exit status is 1 when a page is stale, 0 otherwise.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from devtools.docs.blocks import BLOCKS
from devtools.docs.pages import render
from devtools.docs.sources import ROOT

REFERENCE = ROOT / "docs" / "reference"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = ArgumentParser(prog="python -m devtools.docs", description="Generates the reference.")
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    options = parser.parse_args(arguments)
    status = 0
    for path, rendered in stale_pages(REFERENCE):
        if options.check:
            sys.stderr.write(f"{path.name} is stale; run: make docs\n")
            status = 1
        else:
            path.write_text(rendered, encoding="utf-8")
            sys.stdout.write(f"{path.name} is written.\n")
    return status


def stale_pages(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pages whose blocks are not what is generated now, with their new text."""
    for path in sorted(folder.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        rendered = render(page, BLOCKS)
        if rendered != page:
            yield path, rendered


if __name__ == "__main__":
    sys.exit(main())
