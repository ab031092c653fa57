from __future__ import annotations

import time
from pathlib import Path

import pytest

from serving.edge.identity import callers
from serving.edge.identity.callers import Callers, Failures, TrustedHeader
from serving.edge.identity.identity import ANONYMOUS, OPEN
from serving.edge.identity.key_file import editing, new_key
from serving.kernel.errors import TooManyRequests, Unauthenticated
from serving.kernel.settings import Settings, SettingsError


@pytest.fixture
def key(tmp_path: Path) -> str:
    with editing(tmp_path) as (pepper, found):
        made, record = new_key(pepper, "shop", ("predict",))
        found.keys.append(record)
    return made


@pytest.fixture
def asking(tmp_path: Path, key: str) -> Callers:
    return Callers.of(Settings(key_folder=str(tmp_path)))


def bearer(text: str) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + text.encode()}


def test_nobody_is_asked_until_a_way_is_configured() -> None:
    found = Callers.of(Settings())
    assert not found.asked
    assert found.identify(bearer("anything"), "10.0.0.7") is OPEN


def test_a_key_in_either_header(asking: Callers, key: str) -> None:
    assert asking.asked
    for headers in (bearer(key), {b"x-api-key": key.encode()}, {b"authorization": b"bearer  " + key.encode()}):
        assert asking.identify(headers, "10.0.0.7").subject == "shop"
    assert asking.identify({}, "10.0.0.7") is ANONYMOUS


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({b"authorization": b"Basic c2hvcDp4"}, "must be `Bearer` and a key or token"),
        ({b"authorization": b"Bearer x", b"x-api-key": b"y"}, "not both"),
        (bearer("a.b.c"), "does not take that kind"),
        (bearer("slw_x"), "the API key is not valid"),
        ({b"authorization": b"\xff\xfe"}, "must be `Bearer`"),
    ],
)
def test_what_is_shown_has_to_be_valid(asking: Callers, headers: dict[bytes, bytes], reason: str) -> None:
    with pytest.raises(Unauthenticated, match=reason):
        asking.identify(headers, "10.0.0.7")


def test_a_peer_that_tries_many_keys_has_to_wait_and_who_has_one_does_not(asking: Callers, key: str) -> None:
    for _ in range(callers.MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            asking.identify(bearer("slw_x"), "10.0.0.7")
    with pytest.raises(TooManyRequests) as caught:
        asking.identify(bearer("slw_x"), "10.0.0.7")
    assert 0 < caught.value.retry_after <= 61
    # A load balancer has one address for all of its clients.
    assert asking.identify(bearer(key), "10.0.0.7").subject == "shop"
    with pytest.raises(Unauthenticated):
        asking.identify(bearer("slw_x"), "10.0.0.8")
    assert asking.identify(bearer(key), "10.0.0.8").subject == "shop"


def test_failures_are_forgotten_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, now = Failures(), time.monotonic()
    for _ in range(callers.MOST_FAILURES):
        failures.note("10.0.0.7")
    for number in range(callers.REMEMBERED_PEERS - 1):
        failures.note(f"peer {number}")
    with pytest.raises(TooManyRequests):
        failures.check("10.0.0.7")
    monkeypatch.setattr(time, "monotonic", lambda: now + 100)
    failures.check("10.0.0.7")
    failures.note("one more")
    monkeypatch.setattr(time, "monotonic", lambda: now)
    failures.check("10.0.0.7")


def test_one_network_of_ipv6_is_one_peer() -> None:
    failures = Failures()
    for number in range(callers.MOST_FAILURES):
        failures.note(f"2001:db8::{number}")
    with pytest.raises(TooManyRequests):
        failures.check("2001:db8::ffff:1")
    failures.check("2001:db8:0:1::1")
    failures.check("[odd]:1")


def test_a_header_is_believed_from_a_proxy_alone() -> None:
    asking = Callers(header=TrustedHeader("X-User", ("10.1.0.0/16", "::1"), ("predict",)))
    headers = {b"x-user": b"ann"}
    for peer in ("10.1.2.3", "::1"):
        found = asking.identify(headers, peer)
        assert (found.subject, found.client, found.scopes) == ("ann", "proxy:ann", {"predict"})
        assert asking.identify({b"x-user": b""}, peer) is ANONYMOUS
    for peer in ("10.2.0.1", "", "[::1]:5"):
        assert asking.identify(headers, peer) is ANONYMOUS


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(key_folder="/nowhere/keys"), "SLIPWAY_KEY_FOLDER: /nowhere/keys/pepper: No such file"),
        (Settings(jwt_keys="/nowhere/jwks"), "needs SLIPWAY_JWT_ISSUER and SLIPWAY_JWT_AUDIENCE"),
        (
            Settings(jwt_keys="/nowhere/jwks", jwt_issuer="i", jwt_audience="a"),
            "SLIPWAY_JWT_KEYS: /nowhere/jwks: ",
        ),
        (Settings(identity_header="x-user"), "needs SLIPWAY_IDENTITY_PROXIES"),
        (Settings(identity_header="x-user", identity_proxies=("10.0.0.0/99",)), "SLIPWAY_IDENTITY_PROXIES"),
        (
            Settings(identity_header="x-user", identity_proxies=("::1",), identity_scopes=("all",)),
            "no scope 'all'",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings: Settings, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        Callers.of(settings)
