"""Where Kili is, and which addresses may be asked with and without its key."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.http.api_keys import ApiKey, FixedKey

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Parsers disagree about these, so that one may see another host than the other.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
_API_KEY = re.compile(r"[\x21-\x7e]+")
_ENDPOINT_NAME = "/graphql"
_FILES = "/files"
"""Where the API has its own files, such as `files?id=3a5aa0ca-328e-4f0f-bedd-4ffff27f796d`."""
_KEY = "X-API-Key: "


class Origin(NamedTuple):
    """Scheme, host and port: what a browser would call the same origin."""

    scheme: str
    host: str
    port: int


class KiliEndpoint:
    """The GraphQL endpoint, its key, and the addresses that the key may be sent to."""

    def __init__(self, url: str, key: ApiKey | str) -> None:
        """Raises InvalidConfiguration when the URL, or a key that is given, cannot be used."""
        self.url = url.strip()
        parts = _split(self.url)
        if parts is None or parts.query or parts.fragment:
            raise InvalidConfiguration(
                "the Kili endpoint must be an http(s) URL without a query, such as "
                "https://cloud.kili-technology.com/api/label/v2/graphql"
            )
        self._key = FixedKey(_usable(key)) if isinstance(key, str) else key
        self.origin = _origin(parts)
        self._files = parts.path.rstrip("/").removesuffix(_ENDPOINT_NAME) + _FILES

    @property
    def name(self) -> str:
        """The origin as text, for messages."""
        return origin_name(self.url)

    def without_key(self, text: str) -> str:
        """A text of the server's without our key, should it have repeated it."""
        return text.replace(self._key.value(), "(the key)")

    def authorization(self) -> str:
        """The Authorization header for queries. Raises InvalidConfiguration without a key."""
        return f"{_KEY}{self.key()}"

    def key(self) -> str:
        """The key. Raises InvalidConfiguration without one."""
        return _usable(self._key.value())

    def download_authorization(self, url: str) -> str | None:
        """The Authorization header for an address that somebody wrote into a project.

        None for all but the API's own files, by the very path that they have. Nothing else of the
        API is downloaded: a query in an address would be asked with our key. Raises
        InvalidConfiguration when there is no usable key.
        """
        parts = _split(url)
        if parts is None or parts.username is not None or _origin(parts) != self.origin:
            return None
        return self.authorization() if parts.path == self._files else None

    def replace_key(self, authorization: str | None) -> bool:
        """Looks for another key than one that was refused. Answers whether there is one."""
        return authorization is not None and self._key.replace(authorization.removeprefix(_KEY))


def allowed_url(url: str) -> bool:
    """Whether contents may be downloaded from an address of this form.

    Whether from this host is decided when it is connected to (see connections).
    """
    parts = _split(url)
    return parts is not None and parts.username is None


def origin_name(url: str) -> str:
    """The origin of a URL for messages and logs: nothing that could be a secret."""
    parts = _split(url)
    if parts is None:
        return "an unusable address"
    origin = _origin(parts)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    standard = origin.port == _DEFAULT_PORTS[origin.scheme]
    return f"{origin.scheme}://{host}{'' if standard else f':{origin.port}'}"


def _usable(key: str) -> str:
    if not _API_KEY.fullmatch(key):
        raise InvalidConfiguration("the Kili API key is empty or holds spaces; set it again")
    return key


@lru_cache(maxsize=256)
def _split(url: str) -> SplitResult | None:
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _origin(parts: SplitResult) -> Origin:
    return Origin(
        parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[parts.scheme]
    )
