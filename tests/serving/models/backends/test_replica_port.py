"""Whether a real replica listens on its node alone is seen in tests/control/commands/stack/test_up.py."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from ray.serve._private import replica

from serving.models.backends.replica_port import listen_on_the_node_only


@pytest.mark.parametrize(("node", "address"), [("127.0.0.1", "127.0.0.1:0"), ("fd00::7", "[fd00::7]:0")])
def test_ray_opens_the_port_on_the_address_of_the_node(
    node: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def add_port(server: Any, where: str) -> int:
        opened.append(where)
        return 1

    monkeypatch.setattr(replica, "add_port_to_grpc_server", add_port)
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: node)
    listen_on_the_node_only()
    listen_on_the_node_only()
    assert replica.add_port_to_grpc_server(None, "[::]:0") == 1
    assert opened == [address]
