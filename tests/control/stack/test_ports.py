from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest

from control.errors import PortInUse
from control.settings import StackSettings
from control.stack.ports import choose, is_free

ALL = ("postgres", "mlflow", "ray", "triton", "gateway")


def test_zero_picks_free_ones_all_different(settings: StackSettings) -> None:
    ports = choose(settings, ALL)
    assert len(set(ports.values())) == len(ports) == 7
    assert all(is_free(port) for port in ports.values())


def test_only_ports_of_the_parts(settings: StackSettings) -> None:
    assert choose(settings, ("postgres",)) == {}
    assert list(choose(settings, ("mlflow",))) == ["mlflow_port"]


def test_haproxy_has_ports_of_its_own(settings: StackSettings) -> None:
    ports = choose(replace(settings, door="ray"), ALL)
    assert len(set(ports.values())) == len(ports) == 10
    assert list(choose(replace(settings, door="ray"), ("mlflow",))) == ["mlflow_port"]


def test_the_dashboard_has_a_port_of_its_own(settings: StackSettings, unused_port: int) -> None:
    changed = replace(settings, ray_port=unused_port, ray_dashboard_port=unused_port)
    with pytest.raises(PortInUse, match="SLIPWAY_RAY_DASHBOARD_PORT and SLIPWAY_RAY_PORT are both"):
        choose(changed, ALL)
    assert "ray_dashboard_port" not in choose(settings, ALL)


def test_a_port_in_use_says_who_and_what_to_change(settings: StackSettings) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            choose(replace(settings, triton_grpc_port=port), ALL)
    said = str(caught.value)
    assert f"port {port} is in use by pid {os.getpid()}: " in said
    assert "SLIPWAY_TRITON_GRPC_PORT" in said
    assert caught.value.exit_code == 2


def test_a_port_that_one_just_left_is_free(settings: StackSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            client.recv(1)
    assert is_free(port)


def test_the_same_port_twice(settings: StackSettings, unused_port: int) -> None:
    with pytest.raises(PortInUse, match=f"SLIPWAY_RAY_PORT and SLIPWAY_MLFLOW_PORT are both {unused_port}"):
        choose(replace(settings, mlflow_port=unused_port, ray_port=unused_port), ALL)
