from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from serving.kernel.settings import Settings, SettingsError, describe, read


def test_defaults_need_no_environment() -> None:
    assert read(Settings, {}) == Settings()
    assert Settings().host == "127.0.0.1"


def test_the_environment_is_typed_and_overridden_by_arguments() -> None:
    environ = {
        "SLIPWAY_HOME": "/somewhere",
        "SLIPWAY_APPS": "price, fraud",
        "SLIPWAY_HTTP_PORT": "9000",
        "SLIPWAY_POLL_SECONDS": "0.5",
    }
    found = read(Settings, environ, http_port=9001)
    assert (found.home, found.apps, found.http_port, found.poll_seconds) == (
        Path("/somewhere"),
        ("price", "fraud"),
        9001,
        0.5,
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SLIPWAY_HTTP_PORT", "eighty", "SLIPWAY_HTTP_PORT: 'eighty' is not allowed; expected int"),
        ("SLIPWAY_HTTP_PORT", "70000", "70000 must be a port"),
        ("SLIPWAY_BACKEND", "cuda", "'cuda' is not one of fused, replica, triton"),
        (
            "SLIPWAY_ONNX_PROVIDERS",
            "cuda,rocm",
            "SLIPWAY_ONNX_PROVIDERS: 'rocm' is not one of tensorrt, cuda, cpu",
        ),
    ],
)
def test_a_wrong_value_names_the_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(Settings, {name: value})


def test_settings_cannot_be_changed_after_reading() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().http_port = 1  # type: ignore[misc]


def test_every_setting_explains_itself() -> None:
    rows = describe(Settings)
    assert {variable for variable, _, _ in rows} >= {"SLIPWAY_HOME", "SLIPWAY_BACKEND"}
    assert all(text.endswith(".") for _, _, text in rows)
