from __future__ import annotations

from pathlib import Path

import pytest

from control.settings import PORTS, StackSettings
from serving.kernel.settings import describe, read


def test_defaults_are_the_documented_ports() -> None:
    settings = read(StackSettings, {})
    ports = [getattr(settings, name) for names in PORTS.values() for name in names]
    assert ports == [5000, 6380, 8000, 8001, 8002, 8080, 8081]


def test_the_data_planes_settings_are_among_them() -> None:
    settings = read(StackSettings, {"SLIPWAY_HOME": "/somewhere", "SLIPWAY_RAY_PORT": "7000"})
    assert (settings.home, settings.ray_port) == (Path("/somewhere"), 7000)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SLIPWAY_MLFLOW_PORT", "65536"),
        ("SLIPWAY_TRITON_GRPC_PORT", "-1"),
        ("SLIPWAY_HTTP_PORT", "70000"),
        ("SLIPWAY_RAY_PORT", "six"),
        ("SLIPWAY_RAY_OBJECT_STORE_MB", "10"),
        ("SLIPWAY_START_SECONDS", "0"),
        ("SLIPWAY_START_SECONDS", "nan"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        read(StackSettings, {variable: value})


def test_every_setting_is_explained() -> None:
    assert all(text.endswith(".") for _, _, text in describe(StackSettings))
