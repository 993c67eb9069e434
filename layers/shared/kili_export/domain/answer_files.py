"""Addresses of files that answers consist of.

An answer holds a file's id. Kili signs an address for it when asked, which is good for a short
time: until then the file is told by an address of our own, which only a client of Kili resolves.
"""

from typing import NamedTuple
from urllib.parse import quote, unquote

_SCHEME = "kili-answer:"
# Ids come from labels, which may hold half a surrogate pair.
_UNPAIRED = "surrogatepass"


class AnswerFile(NamedTuple):
    """What Kili knows the file of an answer by."""

    project_id: str
    asset_id: str
    file_id: str


def address_of(file: AnswerFile) -> str:
    """The address that stands for the file."""
    return _SCHEME + "/".join(quote(part, safe="", errors=_UNPAIRED) for part in file)


def answer_file_at(address: str) -> AnswerFile | None:
    """The file that an address stands for, None for any other address."""
    if not address.startswith(_SCHEME):
        return None
    parts = address.removeprefix(_SCHEME).split("/")
    return AnswerFile(*(unquote(part, errors=_UNPAIRED) for part in parts))
