"""The API key goes to Kili's own API and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.http.endpoint import KiliEndpoint, allowed_url, origin_name
from tests.unit.kili.doubles import ENDPOINT, KEY

OWN = "https://kili.example/api/label/v2"


@pytest.mark.parametrize(
    "url",
    [
        f"{OWN}/files?id=1",
        f"{OWN}/files?id=3a5aa0ca-328e-4f0f-bedd-4ffff27f796d&token=890cc70e2",
        f"{OWN}/files?id=projects/clabc/assets/1",
        "https://kili.example:443/api/label/v2/files",
        "https://KILI.example/api/label/v2/files",
        "https://kili.example./api/label/v2/files",
    ],
)
def test_files_of_the_api_get_the_key(url: str) -> None:
    assert KiliEndpoint(ENDPOINT, KEY).download_authorization(url) == f"X-API-Key: {KEY}"


def test_queries_get_the_key() -> None:
    assert KiliEndpoint(ENDPOINT, KEY).authorization() == f"X-API-Key: {KEY}"


@pytest.mark.parametrize(
    "url",
    [
        ENDPOINT,
        f"{ENDPOINT}?query={{me{{apiKeys{{key}}}}}}",
        f"{ENDPOINT}?id=1",
        OWN,
        f"{OWN}/",
        f"{OWN}/files/",
        f"{OWN}/files/1",
        f"{OWN}/files;x?id=1",
        f"{OWN}/Files?id=1",
        f"{OWN}//files?id=1",
        f"{OWN}/%66iles?id=1",
        f"{OWN}/files%2f?id=1",
        f"{OWN}/files/../graphql?query=x",
        f"{OWN}/./files?id=1",
        f"{OWN}/version",
        f"{OWN}.evil.example/files",
        f"{OWN}2/files",
        "https://kili.example/api/label",
        "https://kili.example/API/LABEL/V2/files",
        "http://kili.example/api/label/v2/files",
        "https://kili.example:444/api/label/v2/files",
        "https://kili.example.evil.example/api/label/v2/files",
        "https://evil.example/?u=https://kili.example/api/label/v2",
        "https://kili.example@evil.example/api/label/v2/files",
        "https://user:word@kili.example/api/label/v2/files",
        "https://kili.example\\@evil.example/api/label/v2/files",
        "https://evil.example\\.kili.example/api/label/v2/files",
        " https://kili.example/api/label/v2/files",
        "https://kili.example/api/label/v2/../../x",
        "https://kili.example/api/label/v2/%2e%2e/%2E%2e/x",
        "https://kili.example/api/label/v2/..%2f..%2fx",
        "https://kili.example/api/label/v2/./x",
        "https://kili.example\t/api/label/v2/files",
        "//kili.example/api/label/v2/files",
        "file:///etc/passwd",
        "https:///api/label/v2",
        "https://[::1/api/label/v2",
        "https://kili.example:x/api/label/v2",
        "",
    ],
)
def test_other_addresses_do_not(url: str) -> None:
    assert KiliEndpoint(ENDPOINT, KEY).download_authorization(url) is None


@given(st.text(max_size=60))
def test_no_text_makes_the_check_fail(url: str) -> None:
    endpoint = KiliEndpoint(ENDPOINT, KEY)

    authorization = endpoint.download_authorization(url)
    assert authorization is None or url.lower().startswith("https://kili.example")
    assert isinstance(allowed_url(url), bool)
    assert KEY not in origin_name(url)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://bucket.example/label.json?sig=1", True),
        ("http://127.0.0.1:8333/bucket/label.json", True),
        ("http://[::1]:8333/label.json", True),
        ("ftp://bucket.example/label.json", False),
        ("file:///etc/passwd", False),
        ("https://name:word@bucket.example/", False),
        ("https://bucket.example\\@x/", False),
        ("https://", False),
    ],
)
def test_contents_are_read_over_http_alone(url: str, allowed: bool) -> None:
    assert allowed_url(url) is allowed


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://bucket.example/a/b?sig=secret", "https://bucket.example"),
        ("http://[::1]:8333/x", "http://[::1]:8333"),
        ("nonsense", "an unusable address"),
    ],
)
def test_messages_name_the_origin_alone(url: str, name: str) -> None:
    assert origin_name(url) == name


@pytest.mark.parametrize("url", ["", "kili.example", "ftp://kili.example/", f"{ENDPOINT}?key=1"])
def test_an_unusable_endpoint_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="endpoint"):
        KiliEndpoint(url, KEY)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "kéy"])
def test_an_unusable_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        KiliEndpoint(ENDPOINT, key)

    assert not key or key not in str(caught.value)
