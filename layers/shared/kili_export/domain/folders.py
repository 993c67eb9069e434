"""Names of files that are names of folders too: no disk holds both, so the files are left out.

Of `d` and `d/c.jpg` the first one gives way. What is in the folder may be much, and whoever reads
the archive finds the folder's files by its name; and this rule needs no more than a look at what
is below a name, whichever of them comes first.
"""

from collections.abc import Iterable, Iterator


def folders_of(path: str) -> Iterator[str]:
    """All folders that a file is in, the outermost first."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def named_like_folders(names: Iterable[bytes]) -> Iterator[bytes]:
    """Those of the names that others are below, each once, in no order. The names ascend."""
    begun: list[bytes] = []
    given: set[bytes] = set()
    for name in names:
        while begun and not name.startswith(begun[-1]):
            given.discard(begun.pop())
        # What `name` is below, beside the last one, the last one is below as well.
        if begun and name[len(begun[-1]) :].startswith(b"/") and begun[-1] not in given:
            given.add(begun[-1])
            yield begun[-1]
        if not begun or begun[-1] != name:
            begun.append(name)
