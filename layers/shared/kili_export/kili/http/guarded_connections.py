"""Connects to checked addresses alone: a name is resolved once, and what was checked is used.

Checked before each connection, and so after every redirection and every answer of a name server.
The name stays what TLS certificates and the Host header are about.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from time import monotonic
from typing import Final

import urllib3
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from kili_export.kili.http.addresses import AddressRules
from kili_export.kili.http.endpoint import Origin
from kili_export.kili.http.watchdog import Watchdog

_ANY_PORT: Final = 9
_WATCHDOG: Final = Watchdog()
_LONGEST_CONNECTING: Final = 15.0
"""Seconds after which no other address of a host is tried, of which there may be any number."""
Resolve = Callable[[str, int], list[str]]
"""The addresses of a host. Raises socket.gaierror."""


class AddressRefused(urllib3.exceptions.HTTPError):
    """A host's addresses are none that may be connected to. Nothing was sent."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the machine's resolver tells them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's interfaces. Nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            # The system answers a machine's own address with this very address.
            asked.connect((address, _ANY_PORT))
            return bool(asked.getsockname()[0] == address)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class ConnectionGuard:
    """Decides where connections go. `trusted` is Kili's own API, which a person has named.

    Of the machine's own addresses only those are used that a person has named. With
    `encrypted`, that holds for every address that is connected to without TLS.
    """

    rules: AddressRules
    trusted: Origin | None = None
    resolve: Resolve = field(default=resolve)
    is_own: Callable[[str], bool] = field(default=is_own)
    encrypted: bool = False

    def addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """Where to connect to, in this order. Raises AddressRefused, socket.gaierror."""
        found = self.resolve(host, port)
        if Origin(scheme, host.lower().rstrip("."), port) == self.trusted:
            return found
        plain = self.encrypted and scheme != "https"
        allowed = [
            address
            for address in found
            if self._allows(address) and (not plain or self.rules.names(address))
        ]
        if not allowed:
            raise AddressRefused("a host has no address that may be connected to")
        return allowed

    def _allows(self, address: str) -> bool:
        if not self.rules.allows(address):
            return False
        return self.rules.names(address) or not self.is_own(address)


def pool_classes(guard: ConnectionGuard) -> dict[str, type[HTTPConnectionPool]]:
    """By scheme, pools whose connections go where the guard lets them."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(guard, "http", self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _head_in_time(self):
                return super().getresponse()

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(guard, "https", self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _head_in_time(self):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def _head_in_time(connection: HTTPConnection) -> Iterator[None]:
    """Raises TimeoutError when the head of an answer is not there within the read time-out.

    That bounds single reads alone: a head could trickle in for ever.
    """
    seconds, connected = connection.timeout, connection.sock
    if not isinstance(seconds, int | float) or connected is None:
        yield
        return

    def cut() -> None:
        with suppress(OSError):
            # Not the method of the TLS socket: it waits for the thread that reads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    with _WATCHDOG.within(seconds, cut) as watch:
        try:
            yield
        except (HTTPException, OSError):
            if not watch.over:
                raise
    # A head that is cut off seems to be whole.
    if watch.over:
        raise TimeoutError("the head of an answer trickles in")


def _connected(guard: ConnectionGuard, scheme: str, connection: HTTPConnection) -> socket.socket:
    """A socket to the first address that answers. Raises as urllib3's own connections do."""
    host, port = connection.host.strip("[]"), connection.port or connection.default_port
    try:
        addresses = guard.addresses(scheme, host, port)
    except (socket.gaierror, UnicodeError) as error:
        failure = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, failure) from error
    problem: Exception = OSError("no address")
    begun = monotonic()
    for address in addresses:
        if monotonic() - begun > _LONGEST_CONNECTING:
            break
        try:
            return create_connection(
                (address, port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            problem = error
    if isinstance(problem, TimeoutError):
        raise ConnectTimeoutError(connection, "no connection in time") from problem
    raise NewConnectionError(connection, "cannot connect") from problem
