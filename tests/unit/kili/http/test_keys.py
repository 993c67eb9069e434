"""A key may be changed while it is in use, and nobody has to wait for it."""

from dataclasses import dataclass, field

import pytest

from kili_export.core.errors import AccessDenied, InvalidConfiguration
from kili_export.kili.http.api_keys import REMEMBERED, RotatingKey
from kili_export.kili.http.endpoint import KiliEndpoint
from tests.support.fakes import ManualClock
from tests.unit.kili.doubles import ENDPOINT, KEY, Answer, Asked, Line, data, errors, told

PROJECT = data([{"id": "project1", "inputType": "IMAGE"}])


@dataclass(slots=True)
class Secret:
    """A stored secret: its versions, the one to be preferred first."""

    versions: list[str]
    reads: int = 0

    def read(self) -> tuple[str, ...]:
        self.reads += 1
        return tuple(self.versions)


@dataclass(slots=True)
class Kili:
    """Kili, which accepts some keys."""

    accepted: set[str]
    refusal: Answer = field(default_factory=lambda: told({}, 401))
    asked_with: list[str] = field(default_factory=list)

    def respond(self, request: Asked) -> Answer:
        key = request.headers["Authorization"].removeprefix("X-API-Key: ")
        self.asked_with.append(key)
        return PROJECT if key in self.accepted else self.refusal


def line_with(secret: Secret, kili: Kili) -> Line:
    line = Line(kili.respond)
    key = RotatingKey(secret.read, line.clock)
    line.transport.endpoint = KiliEndpoint(ENDPOINT, key)
    return line


def test_a_key_is_read_once_for_many_requests_and_again_after_a_while() -> None:
    secret, kili = Secret(["old"]), Kili({"old"})
    line = line_with(secret, kili)
    for _ in range(5):
        line.client.project("project1")
    assert secret.reads == 1
    line.clock.advance(REMEMBERED.total_seconds() + 1)
    line.client.project("project1")
    assert secret.reads == 2


@pytest.mark.parametrize("refusal", [told({}, 401), errors("no", "UNAUTHENTICATED")])
def test_a_new_key_is_taken_up_at_once_when_the_old_one_is_refused(refusal: Answer) -> None:
    secret, kili = Secret(["old"]), Kili({"old"}, refusal)
    line = line_with(secret, kili)
    line.client.project("project1")
    secret.versions, kili.accepted = ["new", "old"], {"new"}
    line.client.project("project1")
    assert kili.asked_with == ["old", "old", "new"]
    assert line.waited == 0


@pytest.mark.parametrize(
    ("versions", "accepted"),
    [
        (["current", "pending", "previous"], "pending"),
        (["current", "previous"], "previous"),
        (["current", "pending", "previous"], "previous"),
    ],
)
def test_while_a_secret_is_being_changed_the_version_that_works_is_used(
    versions: list[str], accepted: str
) -> None:
    secret, kili = Secret(versions), Kili({accepted})
    line = line_with(secret, kili)
    line.client.project("project1")
    line.client.project("project1")
    assert kili.asked_with[-2:] == [accepted, accepted]
    assert line.waited == 0


def test_the_current_key_is_tried_again_after_a_while() -> None:
    secret, kili = Secret(["new", "old"]), Kili({"old"})
    line = line_with(secret, kili)
    line.client.project("project1")
    kili.accepted = {"new"}
    line.clock.advance(2 * REMEMBERED.total_seconds())
    line.client.project("project1")
    assert kili.asked_with[-1] == "new"


def test_a_revoked_key_is_told_and_the_secret_is_not_read_for_every_attempt() -> None:
    secret, kili = Secret(["old"]), Kili(set())
    line = line_with(secret, kili)
    with pytest.raises(AccessDenied, match="refused"):
        line.client.project("project1")
    assert secret.reads == 2
    for _ in range(10):
        with pytest.raises(AccessDenied):
            line.client.project("project1")
    assert secret.reads <= 3


def test_a_key_that_is_stored_after_the_old_one_was_refused_is_taken_up_under_steady_traffic() -> (
    None
):
    clock, secret = ManualClock(), Secret(["old"])
    key = RotatingKey(secret.read, clock)
    for second in range(60):
        if second == 3:
            secret.versions = ["new", "old"]
        if (used := key.value()) == "new":
            break
        key.replace(used)
        clock.advance(1)
    assert second <= 11
    assert secret.reads <= 4


def test_no_key_is_shown_in_errors_or_in_what_objects_look_like() -> None:
    secret = Secret(["first-secret", "second-secret"])
    line = line_with(secret, Kili(set()))
    with pytest.raises(AccessDenied) as error:
        line.client.project("project1")
    key = RotatingKey(secret.read, ManualClock())
    key.value()
    key.replace("first-secret")
    assert "secret" not in f"{error.value} {key!r}".replace("Secret.read", "").replace(
        repr(secret), ""
    )


def test_a_key_that_cannot_be_sent_is_refused_when_it_is_read() -> None:
    endpoint = KiliEndpoint(ENDPOINT, RotatingKey(lambda: ("two words",), ManualClock()))
    with pytest.raises(InvalidConfiguration, match="set it again"):
        endpoint.authorization()
    assert KiliEndpoint(ENDPOINT, KEY).replace_key(f"X-API-Key: {KEY}") is False
