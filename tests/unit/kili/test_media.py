"""Media behind links: whole or not at all, bounded, and without the key."""

import hashlib
import io
import zlib

import pytest
from urllib3.exceptions import IncompleteRead

from kili_export.core.errors import RequestRefused, Unavailable
from kili_export.steps.conversion.asset_source import FetchedMedium
from tests.unit.kili.doubles import KEY, Answer, Line, Told, in_turn

PICTURE = "https://bucket.example/picture?sig=secret"
OWN = "https://kili.example/api/label/v2/files?id=1"
BODY = b"\x89PNG" + bytes(range(256)) * 4


def _told(body: bytes = BODY, length: int | None = None, **headers: str) -> Told:
    return Told(
        200,
        body,
        {
            "Content-Length": str(len(body) if length is None else length),
            "Content-Type": "image/png",
            **headers,
        },
    )


def _fetch(*answers: Answer, largest: int = 10_000) -> tuple[FetchedMedium, bytes, Line]:
    line, target = Line(in_turn(*answers)), io.BytesIO()
    target.write(b"before")
    medium = line.client.fetch_media(PICTURE, target, largest=largest)
    assert target.getvalue().startswith(b"before")
    return medium, target.getvalue().removeprefix(b"before"), line


def test_a_file_is_streamed_and_measured() -> None:
    medium, written, line = _fetch(_told())

    assert written == BODY
    assert medium == FetchedMedium(
        len(BODY), zlib.crc32(BODY), hashlib.sha256(BODY).hexdigest(), "image/png"
    )
    [request] = line.network.requests
    assert KEY not in str(request.headers)
    assert request.headers["Accept-Encoding"] == "identity"


def test_a_file_without_a_promised_length_is_taken_as_it_comes() -> None:
    medium, written, _ = _fetch(Told(200, BODY))

    assert written == BODY
    assert medium.content_type == ""


@pytest.mark.parametrize("broken", [_told(BODY[:7], len(BODY)), IncompleteRead(1, 2)], ids=str)
def test_an_interrupted_download_is_tried_again_from_the_beginning(broken: Answer) -> None:
    medium, written, line = _fetch(broken, _told())

    assert written == BODY
    assert medium.size == len(BODY)
    assert len(line.network.requests) == 2


def test_a_file_that_stays_shorter_than_promised_is_never_taken() -> None:
    line, target = Line(in_turn(_told(BODY[:-1], len(BODY)))), io.BytesIO()

    with pytest.raises(Unavailable):
        line.client.fetch_media(PICTURE, target, largest=10_000)

    assert target.getvalue() == b""
    assert len(line.network.requests) == 3


@pytest.mark.parametrize("answer", [_told(), Told(200, BODY)], ids=["promised", "not promised"])
def test_a_file_above_the_limit_is_refused(answer: Told) -> None:
    line, target = Line(in_turn(answer)), io.BytesIO()

    with pytest.raises(RequestRefused, match="larger than 100 bytes"):
        line.client.fetch_media(PICTURE, target, largest=100)

    assert target.getvalue() == b""


def test_a_refused_address_is_refused_without_its_signature() -> None:
    line = Line(in_turn(Told(403)))

    with pytest.raises(RequestRefused, match="HTTP 403") as refused:
        line.client.fetch_media(PICTURE, io.BytesIO(), largest=10_000)

    assert "secret" not in str(refused.value)


def test_kilis_own_files_are_asked_for_with_the_key_and_elsewhere_without() -> None:
    line = Line(in_turn(Told(302, headers={"Location": PICTURE}), _told()))

    line.client.fetch_media(OWN, io.BytesIO(), largest=10_000)

    own, foreign = line.network.requests
    assert own.headers["Authorization"] == f"X-API-Key: {KEY}"
    assert "Authorization" not in foreign.headers


def test_redirections_end() -> None:
    line = Line(in_turn(Told(302, headers={"Location": PICTURE})))

    with pytest.raises(RequestRefused, match="redirects too often"):
        line.client.fetch_media(PICTURE, io.BytesIO(), largest=10_000)

    assert len(line.network.requests) == 4
