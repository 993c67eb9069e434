"""The generated blocks of a page: what stands between two comments is replaced.

<!-- generated: NAME -->
…
<!-- /generated -->
"""

import re
from collections.abc import Callable, Mapping

_BLOCK = re.compile(r"<!-- generated: ([a-z-]+) -->\n(.*?)<!-- /generated -->", re.DOTALL)
_MARK = re.compile(r"<!-- /?generated\b")


class UnknownBlock(Exception):
    """A page asks for a block that nothing generates, or one that does not end."""


def render(page: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """The page with each of its blocks as generated now. Raises UnknownBlock."""

    def block(found: re.Match[str]) -> str:
        name = found[1]
        if name not in blocks:
            raise UnknownBlock(f"nothing generates {name!r}; known are {', '.join(blocks)}")
        return f"<!-- generated: {name} -->\n{blocks[name]()}\n<!-- /generated -->"

    rendered, count = _BLOCK.subn(block, page)
    if len(_MARK.findall(rendered)) != 2 * count:
        raise UnknownBlock("a block has no name or no end")
    return rendered


def block_names(page: str) -> list[str]:
    """The names of a page's blocks, in order."""
    return [name for name, _ in _BLOCK.findall(page)]
