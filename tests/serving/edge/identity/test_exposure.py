from __future__ import annotations

import pytest

from serving.edge.identity.exposure import check_exposure, is_loopback
from serving.kernel.settings import Settings, SettingsError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    assert is_loopback(host)
    check_exposure(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.7", "gateway.example.com", "::ffff:10.0.0.7"])
def test_an_address_that_others_reach_is_refused_with_what_they_could_do(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_exposure(Settings(host=host, http_port=80))
    text = str(caught.value)
    assert text.startswith(
        f"SLIPWAY_HOST: on {host!r}, everybody who reaches ports 80 (HTTP) and 8081 (gRPC) could"
    )
    for way in ("SLIPWAY_KEY_FOLDER", "slipway keys create", "SLIPWAY_JWT_KEYS", "SLIPWAY_OPEN=1"):
        assert way in text


@pytest.mark.parametrize(
    "settings",
    [
        Settings(host="0.0.0.0", open=True),
        Settings(host="0.0.0.0", key_folder="/keys"),
        Settings(host="0.0.0.0", jwt_keys="/jwks"),
        Settings(host="0.0.0.0", identity_header="x-user"),
    ],
)
def test_one_that_asks_or_is_told_to_be_open_is_not(settings: Settings) -> None:
    check_exposure(settings)
