"""Ray Serve's HAProxy on one machine: the environment that Ray needs for the door `ray`."""

from __future__ import annotations

from control.stack.files.state import StackState

__all__ = ["PORTS", "environment"]

PORTS = ("haproxy_stats_port", "haproxy_metrics_port", "haproxy_fallback_port")
"""These ports have no setting: free ports are chosen."""


def environment(state: StackState) -> dict[str, str]:
    """Variables for Ray and for the processes that deploy to it; empty for the native door.

    HAProxy's pages for statistics and Prometheus are the only ones not bound to loopback: Ray Serve has no setting
    for their address.
    """
    if state.door != "ray":
        return {}
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # Handles to model replicas work as they do with the native door.
        "RAY_SERVE_USE_GRPC_BY_DEFAULT": "0",
        # Ray adds its node's id (56 letters) and HAProxy a suffix; the path of a socket has at most 107 bytes.
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{state.run}/a",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{state.run}/m",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{state.run}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": state.run,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{state.run}/server-state",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(state.ports["haproxy_stats_port"]),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(state.ports["haproxy_metrics_port"]),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(state.ports["haproxy_fallback_port"]),
        # HAProxy would log every request to count it; the gateway counts requests already.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        # The only load balancer is on the same machine and learns of a draining replica at once.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    }
