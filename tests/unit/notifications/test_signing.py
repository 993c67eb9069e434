"""Signatures, beside those of the specification's own library."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from kili_export.core.errors import InvalidConfiguration
from kili_export.notifications.signing import signed_headers
from tests.support.receivers import SECRET

AT = datetime(2026, 3, 2, 12, 0, 0, 900_000, tzinfo=UTC)


@given(st.binary(min_size=24, max_size=64), st.text(alphabet="abc_09", min_size=1), st.text())
def test_the_library_signs_alike(key: bytes, delivery_id: str, body: str) -> None:
    try:
        encoded = body.encode()
    except UnicodeEncodeError:
        return
    secret = f"whsec_{base64.b64encode(key).decode()}"
    headers = signed_headers(secret, delivery_id, AT, encoded)
    assert headers["webhook-signature"] == Webhook(secret).sign(delivery_id, AT, body)
    assert headers["webhook-id"] == delivery_id
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))


def test_the_library_accepts_a_delivery_and_no_other_body() -> None:
    headers = dict(signed_headers(SECRET, "msg_1", datetime.now(UTC), b'{"a": 1}'))
    assert Webhook(SECRET).verify(b'{"a": 1}', headers) == {"a": 1}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(b'{"a": 2}', headers)


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.removeprefix("whsec_"),
        "whsec_",
        "whsec_short",
        "whsec_c2hvcnQ=",
        f"whsec_{'A' * 200}",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!",
        "whsec_ümlaut",
        "",
    ],
)
def test_what_is_no_secret_is_refused_unseen(secret: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        signed_headers(secret, "msg_1", AT, b"")
    value = secret.removeprefix("whsec_")
    assert not value or value not in str(refused.value)
    assert refused.value.__cause__ is None
