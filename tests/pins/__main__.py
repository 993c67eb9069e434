"""Shows how stored bytes differ from the pinned ones, or pins them as they are.

python -m tests.pins [SECTION ...]            prints the differences; ends with 1 if there are any
python -m tests.pins --write [SECTION ...]    pins these sections, or all, as they are now
"""

import argparse
import sys
from collections.abc import Sequence

from tests.pins.comparison import SECTIONS, ZLIB, is_comparable, pinned, report, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.pins", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="all unless named")
    parser.add_argument("--write", action="store_true", help="pin what is so now")
    parser.add_argument("--most", type=int, default=40, help="differences to show of a section")
    options = parser.parse_args(arguments)
    known = (*SECTIONS, ZLIB)
    if unknown := set(options.sections) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: no such section; there are {', '.join(known)}")
    chosen = tuple(options.sections) or known
    if options.write:
        write(chosen)
        return 0
    different = [name for name in chosen if _print_differences(name, options.most)]
    return 1 if different else 0


def _print_differences(name: str, most: int) -> bool:
    stored = pinned()
    if not is_comparable(name, stored):
        sys.stdout.write(f"{name}: not compared, another version of zlib pinned it\n")
        return False
    found = report(name, stored, most)
    sys.stdout.write(f"{found}\n" if found else f"{name}: as pinned\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
