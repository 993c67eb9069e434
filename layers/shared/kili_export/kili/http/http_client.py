"""Sends single requests over kept connections: no cookie, no redirection, no credentials found."""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import HTTPConnectionPool, HTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.util import create_urllib3_context, make_headers

from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.http.guarded_connections import ConnectionGuard, pool_classes

_AUTHORITIES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_HOSTS: Final = 16
"""How many hosts keep connections; an address in a project may name any."""
_CONNECTIONS: Final = 32
"""How many connections one host keeps."""
_ENCODINGS: Final = "gzip, deflate"
# It warns of headers that cannot be read, with the whole address: that may be a secret.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What the environment says of the network, read once.

    `authorities`: file or folder of the certificates to trust. `proxies`: by scheme, `all` for
    each; hosts of NO_PROXY are reached without.
    """

    authorities: str
    proxies: Mapping[str, str]

    @classmethod
    def of_environment(cls) -> "NetworkSettings":
        """As REQUESTS_CA_BUNDLE, HTTPS_PROXY and their like have it."""
        named = (os.environ.get(name) for name in _AUTHORITIES)
        return cls(next(filter(None, named), certifi.where()), getproxies())


class HttpClient:
    """One attempt at a request. Threads may share it.

    Where a proxy is configured it is the proxy that connects, and its own rules that count.
    """

    def __init__(
        self, guard: ConnectionGuard, user_agent: str, settings: NetworkSettings | None = None
    ) -> None:
        """Raises InvalidConfiguration when the certificates cannot be read, or a proxy not used."""
        settings = settings or NetworkSettings.of_environment()
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": _ENCODINGS}
        self._options: dict[str, Any] = {
            "num_pools": _HOSTS,
            "maxsize": _CONNECTIONS,
            "ssl_context": _trusting(settings.authorities),
        }
        self._direct = PoolManager(**self._options)
        self._direct.pool_classes_by_scheme = pool_classes(guard)
        self._by_proxy = {
            scheme: self._through(scheme, proxy)
            for scheme in ("http", "https")
            if (proxy := settings.proxies.get(scheme) or settings.proxies.get("all"))
        }
        # The same few hosts are asked again and again.
        self._opener = lru_cache(maxsize=_HOSTS)(self._opener_of)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeouts: tuple[float, float],
        body: bytes | None = None,
    ) -> HTTPResponse:
        """The answer, whose body is still to be read; leaving it as a context closes it.

        `timeouts` are the seconds to connect, and to wait for the next bytes. Raises
        urllib3.exceptions.HTTPError, OSError.
        """
        parts = urlsplit(url)
        connect, read = timeouts
        opener = self._opener(parts.scheme, parts.hostname or "", parts.port)
        answer = opener.urlopen(
            method,
            url if isinstance(opener, PoolManager) else _target(parts),
            headers={**self._headers, **headers},
            body=body,
            timeout=Timeout(connect=connect, read=read),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        return cast("HTTPResponse", answer)

    def _opener_of(
        self, scheme: str, host: str, port: int | None
    ) -> PoolManager | HTTPConnectionPool:
        proxied = self._by_proxy.get(scheme)
        named = f"[{host}]" if ":" in host else host
        if proxied is None or proxy_bypass(named if port is None else f"{named}:{port}"):
            return self._direct.connection_from_host(host, port, scheme)
        return proxied

    def _through(self, scheme: str, proxy: str) -> ProxyManager:
        address = proxy if "://" in proxy else f"http://{proxy}"
        try:
            parts = urlsplit(address)
            named = parts.username is not None
            credentials = f"{parts.username}:{parts.password or ''}" if named else None
            headers = make_headers(proxy_basic_auth=credentials and unquote(credentials))
            return ProxyManager(address, proxy_headers=headers, **self._options)
        except ValueError:
            # What it is may hold a password.
            raise InvalidConfiguration(
                f"the proxy that the environment names for {scheme} cannot be used: set"
                f" {scheme.upper()}_PROXY to an http:// or https:// address"
            ) from None


def _target(parts: SplitResult) -> str:
    """What a host is asked for; `urlunsplit` would take a path of two slashes for a host."""
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _trusting(authorities: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    folder = Path(authorities).is_dir()
    try:
        context.load_verify_locations(
            cafile=None if folder else authorities, capath=authorities if folder else None
        )
    except OSError as error:
        raise InvalidConfiguration(
            f"the certificates of {' or '.join(_AUTHORITIES)} cannot be read: {error}"
        ) from error
    return context
