"""What of a URL tells which file it names: all but its signature, which changes on every fetch.

The signatures are those of S3 (`X-Amz-…`, and the older `AWSAccessKeyId`), CloudFront, Google
Cloud Storage and Azure (shared access signatures). Any other parameter stays: Kili's own files
differ in nothing else (`…/files?id=…`).
"""

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

_SIGNED_BY: Final = frozenset(
    {
        *("expires", "signature", "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy"),
        *("sig", "se", "sp", "sv", "sr", "st", "spr", "sip", "sdd", "si", "ses"),
        *("ske", "skoid", "sks", "skt", "sktid", "skv", "saoid", "suoid", "scid"),
    }
)


def without_signature(text: str) -> str:
    """A URL without fragment and without the parameters that sign it; other text unchanged."""
    if not is_url(text):
        return text
    address, mark, query = text.partition("#")[0].partition("?")
    kept = "&".join(one for one in query.split("&") if one and not _is_signature(one))
    return f"{address}{mark}{kept}" if kept else address


def is_url(value: object) -> bool:
    """Whether a field of an asset is meant as an address."""
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def _is_signature(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name.startswith("x-") or name in _SIGNED_BY


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
