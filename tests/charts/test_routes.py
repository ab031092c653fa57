"""Requests for an app reach its group."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from serving.edge.doors.collections import CollectionDoor
from serving.edge.doors.v1 import RecordDoor
from serving.edge.doors.v2 import TensorDoor
from serving.hosting.composition import Server
from serving.kernel.find_app import find_apps
from serving.kernel.settings import Settings
from tests.charts.chart import OPEN, of_kind

NAMES = sorted(app.name for app in find_apps())


def matched(route: dict[str, Any], path: str) -> bool:
    """By the rules of the Gateway API: a prefix is whole elements of the path."""
    paths = [match["path"] for rule in route["spec"]["rules"] for match in rule["matches"]]
    return any(
        path == one["value"] if one["type"] == "Exact" else f"{path}/".startswith(f"{one['value']}/")
        for one in paths
    )


def test_every_route_of_an_app_leads_to_its_group(tmp_path: Path) -> None:
    server = Server(Settings(home=tmp_path, model_repository=tmp_path, log_file=str(tmp_path / "log")))
    routes = of_kind({**OPEN, "groupPerApp": True, "routes": {"enabled": True}}, "HTTPRoute")
    patterns = {path for path in paths_of(server) if "{model}" in path}
    assert len(patterns) > 8
    for pattern in patterns:
        for name in NAMES:
            path = re.sub(r"\{\w+\}", "1", pattern.replace("{model}", name))
            assert [each for each, route in routes.items() if matched(route, path)] == [f"slipway-{name}"], path


def paths_of(server: Server) -> list[str]:
    doors = (RecordDoor(server.dataplane), TensorDoor(server.dataplane), CollectionDoor(server.dataplane))
    return [route.path for door in doors for route in door.routes()]


def test_grpc_has_a_host_for_each_group() -> None:
    values = {**OPEN, "groupPerApp": True, "routes": {"enabled": True, "grpcHost": "g.example.com"}}
    routes = of_kind(values, "GRPCRoute")
    assert {route["spec"]["hostnames"][0] for route in routes.values()} == {
        f"{name}.g.example.com" for name in NAMES
    }
    for name, route in routes.items():
        (backend,) = route["spec"]["rules"][0]["backendRefs"]
        assert backend == {"name": name, "port": 81, "weight": 100}


def test_a_canary_gets_its_weight() -> None:
    values = {**OPEN, "routes": {"enabled": True}, "groups": {"all": {"canary": {"weight": 7}}}}
    services = of_kind(values, "Service")
    for kind, port in (("HTTPRoute", 80), ("GRPCRoute", 81)):
        (route,) = of_kind(values, kind).values()
        for rule in route["spec"]["rules"]:
            backends = {one["name"]: one["weight"] for one in rule["backendRefs"]}
            assert backends == {"slipway-all": 93, "slipway-all-canary": 7}
            assert set(backends) <= set(services)
            assert all(one["port"] == port for one in rule["backendRefs"])
