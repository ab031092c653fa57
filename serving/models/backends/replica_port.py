"""Where a Ray Serve replica listens for other replicas: on its node's address, not on every interface."""

from __future__ import annotations

import functools
from typing import Any

import ray
from ray.serve._private import replica

__all__ = ["listen_on_the_node_only"]


def listen_on_the_node_only() -> None:
    """Call it in the constructor of a deployment: Ray Serve opens the port after that, and has no setting for it.

    Other replicas reach it by the node's address, which is 127.0.0.1 in a local stack.
    """
    original = replica.add_port_to_grpc_server
    if not isinstance(original, functools.partial):
        replica.add_port_to_grpc_server = functools.partial(_add_port, original)


def _add_port(original: Any, server: Any, address: str) -> Any:
    host = str(ray.util.get_node_ip_address())
    return original(server, f"[{host}]:0" if ":" in host else f"{host}:0")
