"""Downloads over real sockets: where they connect to, and what endless answers cost.

127.0.0.1 plays a public address, 127.0.0.2 a private one.
"""

import io
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kili_export.core.clock import SystemClock
from kili_export.core.errors import InvalidConfiguration, RequestRefused, Unavailable
from kili_export.kili.http.addresses import AddressRules, parse_networks
from kili_export.kili.http.downloads import (
    Document,
    JsonDownloads,
    Outcome,
    Unreachable,
    Unreadable,
)
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.guarded_connections import ConnectionGuard
from kili_export.kili.http.http_client import HttpClient, NetworkSettings
from kili_export.kili.http.media_downloads import MediaDownloads
from kili_export.kili.http.response_bodies import TooSlow, read_body
from kili_export.kili.http.retrying import RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic
from tests.support.fakes import ManualClock

PUBLIC, PRIVATE = "127.0.0.1", "127.0.0.2"
REFUSED = Unreadable("its address is not one that may be read")

Respond = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's script."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.seen.append(self)
        self.server.respond(self)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """A server on one address. Remembers who came."""

    daemon_threads = True

    def __init__(self, address: str, respond: Respond) -> None:
        super().__init__((address, 0), Handler)
        self.respond = respond
        self.seen: list[Handler] = []
        self.names: list[str | None] = []
        self.connections = 0

    def get_request(self) -> tuple[socket.socket, object]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def serving(address: str, respond: Respond) -> Iterator[Server]:
    with Server(address, respond) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def private() -> Iterator[Server]:
    with serving(PRIVATE, lambda one: one.answer(b'"secret"')) as server:
        yield server


@dataclass(slots=True)
class Names:
    """A name server. Each name has answers, given in turn; the last one is kept."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def resolve(self, host: str, port: int) -> list[str]:
        del port
        self.asked[host] += 1
        answers = self.answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def client(guard: ConnectionGuard, authorities: str = certifi.where()) -> HttpClient:
    return HttpClient(guard, "tests", NetworkSettings(authorities, {}))


@dataclass(slots=True)
class Fetcher:
    """Downloads that may connect to 127.0.0.1 and not to 127.0.0.2."""

    names: Names = field(default_factory=Names)
    endpoint: str = "https://kili.example/api/label/v2/graphql"
    authorities: str = certifi.where()

    def downloads(self, largest: int = 1_000_000) -> JsonDownloads:
        endpoint = KiliEndpoint(self.endpoint, "key")
        rules = AddressRules(parse_networks(f"{PUBLIC}/32"))
        guard = ConnectionGuard(rules, endpoint.origin, self.names.resolve)
        patience = RetryPolicy(ManualClock(), 60.0, most_attempts=2)
        return JsonDownloads(
            endpoint, client(guard, self.authorities), patience, KiliTraffic(), largest
        )

    def one(self, url: str) -> Outcome:
        return self.downloads().one(url)

    def media(self, url: str, largest: int) -> bytes:
        target = io.BytesIO()
        MediaDownloads(self.downloads(), ManualClock(), KiliTraffic()).fetch(url, target, largest)
        return target.getvalue()


def document(handler: Handler) -> None:
    handler.answer(b'{"is": "read"}')


def test_the_name_is_resolved_once_and_what_was_checked_is_connected_to() -> None:
    names = Names({"media.example": [[PUBLIC], [PRIVATE]]})
    with serving(PUBLIC, document) as server:
        outcome = Fetcher(names).one(f"http://media.example:{server.port}/x")
        assert outcome == Document({"is": "read"})
        assert names.asked == {"media.example": 1}
        assert server.seen[0].headers["Host"] == f"media.example:{server.port}"


@pytest.mark.parametrize(
    "addresses",
    [
        [PRIVATE],
        ["10.0.0.1", PRIVATE],
        ["169.254.169.254"],
        ["::1"],
        [f"::ffff:{PRIVATE}"],
        ["64:ff9b::a00:1"],
    ],
)
def test_a_name_that_leads_inside_is_not_connected_to(
    private: Server, addresses: list[str]
) -> None:
    names = Names({"inside.example": [addresses]})
    assert Fetcher(names).one(f"http://inside.example:{private.port}/x") == REFUSED
    assert private.connections == 0


def test_only_the_allowed_of_several_addresses_are_tried(private: Server) -> None:
    names = Names({"both.example": [[PRIVATE, PUBLIC]]})
    outcome = Fetcher(names).one(f"http://both.example:{private.port}/x")
    assert isinstance(outcome, Unreachable), "the private server was asked"
    assert private.connections == 0


def test_a_redirection_that_leads_inside_is_not_followed(private: Server) -> None:
    names = Names({"media.example": [[PUBLIC]], "inside.example": [[PRIVATE]]})
    for target in (f"http://inside.example:{private.port}/", f"http://{PRIVATE}:{private.port}/"):
        names.answers[PRIVATE] = [[PRIVATE]]

        def redirect(one: Handler, target: str = target) -> None:
            one.answer(b"", 302, Location=target)

        with serving(PUBLIC, redirect) as server:
            assert Fetcher(names).one(f"http://media.example:{server.port}/x") == REFUSED
    assert private.connections == 0


def test_a_name_that_changes_between_redirections_is_checked_again(private: Server) -> None:
    names = Names({"turning.example": [[PUBLIC], [PRIVATE]]})

    def turn(one: Handler) -> None:
        one.answer(b"", 302, Location=f"http://turning.example:{private.port}/")

    with serving(PUBLIC, turn) as server:
        assert Fetcher(names).one(f"http://turning.example:{server.port}/x") == REFUSED
    assert private.connections == 0


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706434", "0x7f000002", "0177.0.0.2", "localhost", "[::1]", "[::ffff:7f00:2]"],
)
def test_other_spellings_of_inner_addresses_do_not_help(host: str, private: Server) -> None:
    endpoint = KiliEndpoint("https://kili.example/api/label/v2/graphql", "key")
    http = client(ConnectionGuard(AddressRules(), endpoint.origin))
    patience = RetryPolicy(ManualClock(), 60.0, most_attempts=1)
    downloads = JsonDownloads(endpoint, http, patience, KiliTraffic())
    outcome = downloads.one(f"http://{host}:{private.port}/x")
    assert outcome == REFUSED or isinstance(outcome, Unreachable)
    assert private.connections == 0


def test_kilis_own_address_is_trusted_wherever_it_is(private: Server) -> None:
    origin = f"http://kili.intern:{private.port}"
    names = Names({"kili.intern": [[PRIVATE]], "other.intern": [[PRIVATE]]})
    fetcher = Fetcher(names, f"{origin}/api/label/v2/graphql")
    assert fetcher.one(f"{origin}/files/1") == Document("secret")
    assert private.seen[0].headers["Authorization"] is None
    assert fetcher.one(f"http://other.intern:{private.port}/") == REFUSED
    assert private.connections == 1


def test_a_name_that_does_not_exist_is_told_as_unreachable() -> None:
    assert isinstance(Fetcher().one("http://nowhere.example/x"), Unreachable)
    assert isinstance(Fetcher().one(f"http://{'x' * 70}.example/x"), Unreachable | Unreadable)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for media.example, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.example")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "media.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_tls_is_about_the_name_and_not_about_the_address(certificate: Path) -> None:
    names = Names({"media.example": [[PUBLIC]], "other.example": [[PUBLIC]]})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    shown: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: shown.append(name)
    with serving(PUBLIC, document) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        fetcher = Fetcher(names, authorities=str(certificate))
        assert fetcher.one(f"https://media.example:{server.port}/x") == Document({"is": "read"})
        assert shown == ["media.example"]
        other = fetcher.one(f"https://other.example:{server.port}/x")
        assert isinstance(other, Unreachable), "a certificate for another name was accepted"


def test_nothing_is_sent_that_the_address_did_not_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password word\n")
    monkeypatch.setenv("NETRC", str(netrc))

    def cookie(one: Handler) -> None:
        one.answer(b"{}", Set_Cookie="session=1; Path=/")

    with serving(PUBLIC, cookie) as server:
        fetcher = Fetcher(Names({"media.example": [[PUBLIC]]}))
        downloads = fetcher.downloads()
        for _ in range(2):
            assert downloads.one(f"http://media.example:{server.port}/x") == Document({})
        assert [set(one.headers.keys()) for one in server.seen] == [
            {"Host", "User-Agent", "Accept", "Accept-Encoding"}
        ] * 2


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/x?a=%2F&b=c+d#part", "/x?a=%2F&b=c+d"),
        ("//other.example/../x;y", "//other.example/../x;y"),
        ("/é?ü", "/%C3%A9?%C3%BC"),
    ],
)
def test_an_address_is_asked_for_as_it_is(address: str, asked: str) -> None:
    with serving(PUBLIC, document) as server:
        fetcher = Fetcher(Names({"media.example": [[PUBLIC]]}))
        outcome = fetcher.one(f"http://media.example:{server.port}{address}")
        assert outcome == Document({"is": "read"})
        # The server takes a path of several slashes for one.
        assert server.seen[0].requestline == f"GET {asked} HTTP/1.1"


def test_connections_are_kept() -> None:
    def kept(one: Handler) -> None:
        one.protocol_version = "HTTP/1.1"
        one.close_connection = False
        document(one)

    with serving(PUBLIC, kept) as server:
        downloads = Fetcher(Names({"media.example": [[PUBLIC]]})).downloads()
        for number in range(5):
            url = f"http://media.example:{server.port}/{number}"
            assert downloads.one(url) == Document({"is": "read"})
        assert server.connections == 1


@pytest.mark.parametrize("exception", ["near.example", "near.example:{port}", ".example"])
def test_a_proxy_connects_unless_the_host_is_an_exception(
    exception: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({"near.example": [[PUBLIC]]})
    guard = ConnectionGuard(AddressRules(parse_networks(f"{PUBLIC}/32")), None, names.resolve)
    with serving(PUBLIC, document) as server:
        monkeypatch.setenv("no_proxy", exception.format(port=server.port))
        proxy = f"http://me:word@{PUBLIC}:{server.port}"
        http = HttpClient(guard, "tests", NetworkSettings(certifi.where(), {"http": proxy}))
        for host in ("far.test", "near.example"):
            url = f"http://{host}:{server.port}/x?y=1"
            with http.send("GET", url, headers={}, timeouts=(5, 5)) as response:
                assert response.read() == b'{"is": "read"}'
        far, near = server.seen
        assert far.path == f"http://far.test:{server.port}/x?y=1"
        assert far.headers["Proxy-Authorization"] == "Basic bWU6d29yZA=="
        assert near.path == "/x?y=1"
        assert near.headers["Proxy-Authorization"] is None
        assert names.asked == {"near.example": 1}


def test_a_proxys_credentials_may_hold_any_sign() -> None:
    with serving(PUBLIC, document) as server:
        proxy = f"http://me:w%40r%2Fd@{PUBLIC}:{server.port}"
        named = {"http": proxy, "https": proxy, "all": "socks5://x:1"}
        settings = NetworkSettings(certifi.where(), named)
        http = HttpClient(ConnectionGuard(AddressRules()), "tests", settings)
        with http.send("GET", "http://far.test/", headers={}, timeouts=(5, 5)) as response:
            assert response.read() == b'{"is": "read"}'
        sent = server.seen[0].headers["Proxy-Authorization"]
    assert sent == f"Basic {b64encode(b'me:w@r/d').decode()}"


@pytest.mark.parametrize("proxy", ["socks5://me:word@x:1", "http://me:word@x:y", "http://[word"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy: str) -> None:
    settings = NetworkSettings(certifi.where(), {"all": proxy})
    with pytest.raises(InvalidConfiguration, match="HTTP_PROXY") as refused:
        HttpClient(ConnectionGuard(AddressRules()), "tests", settings)
    assert "word" not in str(refused.value)


def test_certificates_that_cannot_be_read_are_named() -> None:
    settings = NetworkSettings("/nowhere/authorities.pem", {})
    with pytest.raises(InvalidConfiguration, match="REQUESTS_CA_BUNDLE"):
        HttpClient(ConnectionGuard(AddressRules()), "tests", settings)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def short(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)


def lying(handler: Handler) -> None:
    """Promises little and sends much; HTTP ends the body where it was promised to end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "4")
    handler.end_headers()
    handler.wfile.write(b"x" * 1_000_000)


def test_a_body_without_an_end_is_left() -> None:
    names = Names({"media.example": [[PUBLIC]]})
    with serving(PUBLIC, endless) as server:
        url = f"http://media.example:{server.port}/x"
        with pytest.raises(RequestRefused, match="larger than 1000000 bytes"):
            Fetcher(names).media(url, 1_000_000)
        outcome = Fetcher(names).one(url)
    assert outcome == Unreadable("it is larger than 1000000 bytes")


def test_a_body_that_breaks_off_is_not_taken_for_whole() -> None:
    names = Names({"media.example": [[PUBLIC]]})
    with serving(PUBLIC, short) as server:
        with pytest.raises(Unavailable):
            Fetcher(names).media(f"http://media.example:{server.port}/x", 10_000)
        assert len(server.seen) == 2, "it was not tried again"


def test_more_than_was_promised_is_not_read() -> None:
    names = Names({"media.example": [[PUBLIC]]})
    with serving(PUBLIC, lying) as server:
        assert Fetcher(names).media(f"http://media.example:{server.port}/x", 10_000) == b"xxxx"


def test_a_promise_above_the_limit_is_refused_before_anything_is_read() -> None:
    names = Names({"media.example": [[PUBLIC]]})

    def huge(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**15))
        handler.end_headers()

    with serving(PUBLIC, huge) as server, pytest.raises(RequestRefused, match="larger"):
        Fetcher(names).media(f"http://media.example:{server.port}/x", 10_000)


def trickle(handler: Handler, head: bytes, drop: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head)
    handler.wfile.flush()
    while True:
        handler.wfile.write(drop)
        handler.wfile.flush()
        time.sleep(0.02)


# A gzip stream whose file name never ends: nothing of it can be given out.
NAMED = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" + bytes.fromhex(
    "1f8b0808000000000003"
)
TRICKLES = {
    "a length": (b"Content-Length: 1000000\r\n\r\n", b"x"),
    "no length": (b"Connection: close\r\n\r\n", b"x"),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "the length of a chunk": (b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "the name in gzip": (NAMED, b"\r\n1\r\nx"),
}


def is_cut_off(url: str, authorities: str = certifi.where()) -> None:
    """Otherwise it would come for hours, longer than a test may take."""
    rules = AddressRules(parse_networks(f"{PUBLIC}/32"))
    resolve = Names({"media.example": [[PUBLIC]]}).resolve
    http = client(ConnectionGuard(rules, None, resolve), authorities)
    with (
        http.send("GET", url, headers={}, timeouts=(60, 60)) as response,
        pytest.raises(TooSlow),
    ):
        read_body(response, limit=1_000_000, seconds=0.3, clock=SystemClock())


@pytest.mark.parametrize("kind", TRICKLES)
def test_a_body_that_trickles_is_cut_off_in_time(kind: str) -> None:
    head, drop = TRICKLES[kind]
    with serving(PUBLIC, lambda one: trickle(one, head, drop)) as server:
        is_cut_off(f"http://media.example:{server.port}/x")


def test_a_body_that_trickles_through_tls_is_cut_off_in_time(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    head = b"Content-Length: 9999\r\n\r\n"
    with serving(PUBLIC, lambda one: trickle(one, head, b"x")) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://media.example:{server.port}/x"
        is_cut_off(url, str(certificate))
