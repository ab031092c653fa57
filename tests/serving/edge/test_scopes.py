"""Every route of every door without an identity, with the wrong scope, and with the right one.

The lists come from the tables of the doors, so that a new route is tested without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from serving.edge.application import HttpApplication, routes
from serving.edge.grpc.door import GrpcDoor
from serving.edge.grpc.methods import SCOPES, InferenceMethods
from serving.edge.http.routes import Route
from serving.edge.identity.callers import Callers
from serving.edge.identity.key_file import editing, new_key
from serving.edge.identity.limits import Limits
from serving.hosting.listener import Listener
from slipway_client import Client
from slipway_client.errors import Unauthorized
from tests.serving.edge.toy import Recorder, ToyPlane
from tests.serving.edge.wire import ask, instances

KINDS = ("predict", "records", "operations")
OPEN_PATHS = {
    "/",
    "/-/healthz",
    "/-/routes",
    "/docs",
    "/docs/start.js",
    "/docs/{asset}",
    "/v2/health/live",
    "/v2/health/ready",
}
ROUTES = routes(ToyPlane())


class Guarded:
    """A gateway that asks who calls, with a key for each kind of scope."""

    def __init__(self, folder: Path) -> None:
        self.keys = {}
        with editing(folder) as (pepper, found):
            for kind in (*KINDS, "admin", "predict:other"):
                self.keys[kind], record = new_key(pepper, kind, (kind,))
                found.keys.append(record)
            for door in ("hot", "usual", "grpc"):
                self.keys[door], record = new_key(pepper, door, ("admin",), limits=Limits(per_minute=1))
                found.keys.append(record)
        plane, self.recorder = ToyPlane(), Recorder()
        callers = Callers.of(replace(plane.settings, key_folder=str(folder), home=folder))
        self.listener = Listener(
            HttpApplication(plane, self.recorder, callers=callers),
            GrpcDoor(plane, self.recorder, callers),
            plane.settings,
        )

    def status(self, route: Route, key: str = "") -> int:
        path = route.path.format(model="toy", version="3", collection="things", id="a", asset="swagger-ui.css")
        body = b"{}" if route.method in ("POST", "PUT") else b""
        head = f"{route.method} {path} HTTP/1.1\r\nhost: a\r\n"
        head += f"authorization: Bearer {key}\r\n" if key else ""
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return ask(f"127.0.0.1:{self.listener.ports.http}", head.encode() + body)[0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("keys"))
    made.listener.start()
    yield made
    made.listener.stop(1.0)


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_routes(guarded: Guarded, route: Route) -> None:
    if route.scope is None:
        assert route.path in OPEN_PATHS
        assert guarded.status(route) not in (401, 403)
        return
    assert guarded.status(route) == 401
    assert guarded.status(route, guarded.keys["predict"][:-1] + "!") == 401
    kind = route.scope.partition(":")[0]
    for other in KINDS:
        expected = kind in ("", other)
        assert (guarded.status(route, guarded.keys[other]) not in (401, 403)) == expected
    assert guarded.status(route, guarded.keys["admin"]) not in (401, 403)
    if "{model}" in route.scope:
        assert guarded.status(route, guarded.keys["predict:other"]) == 403


def test_there_are_routes_of_every_door() -> None:
    assert {route.path.split("/")[1][:2] for route in ROUTES} >= {"v1", "v2", "-", "me", "do", "op"}
    assert {path for path in OPEN_PATHS} == {route.path for route in ROUTES if route.scope is None}


@pytest.mark.parametrize("method", InferenceMethods(ToyPlane()).table())
def test_methods(guarded: Guarded, method: str) -> None:
    scope = SCOPES[method]
    with grpc.insecure_channel(f"127.0.0.1:{guarded.listener.ports.grpc}") as channel:
        call = getattr(GRPCInferenceServiceStub(channel), method)
        message = getattr(pb, f"{method}Request")()
        for field in ("name", "model_name"):
            if field in message.DESCRIPTOR.fields_by_name:
                setattr(message, field, "toy")
        denied = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
        assert (code(call, message) == grpc.StatusCode.UNAUTHENTICATED) == (scope is not None)
        kind = "" if scope is None else scope.partition(":")[0]
        for other in KINDS:
            assert (code(call, message, guarded.keys[other]) not in denied) == (kind in ("", other))
        if scope is not None and ":" in scope:
            assert code(call, message, guarded.keys["predict:other"]) == grpc.StatusCode.PERMISSION_DENIED


def code(call: Any, message: Any, key: str = "") -> grpc.StatusCode:
    try:
        call(message, metadata=(("authorization", f"Bearer {key}"),) if key else ())
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


def test_the_state_of_the_server_needs_no_key(guarded: Guarded) -> None:
    from serving.edge.grpc.descriptors import HealthCheckRequest

    with grpc.insecure_channel(f"127.0.0.1:{guarded.listener.ports.grpc}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(HealthCheckRequest().SerializeToString())


def test_the_python_client_shows_a_key(guarded: Guarded) -> None:
    url = f"http://127.0.0.1:{guarded.listener.ports.http}"
    with Client(url, guarded.keys["predict"]) as client:
        assert client.metadata("toy").name == "toy"
    for key in (None, guarded.keys["predict:other"]):
        with Client(url, key) as client, pytest.raises(Unauthorized):
            client.metadata("toy")


def test_every_door_counts_and_says_what_is_left(guarded: Guarded) -> None:
    policy = '"minute";q=1;w=60'
    for door, head in (("hot", b"POST /v1/models/toy:predict"), ("usual", b"GET /v2")):
        body = instances() if door == "hot" else b""
        lines = (
            b"host: a\r\ncontent-type: application/json\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n"
        )
        whole = head + b" HTTP/1.1\r\n" + lines % (guarded.keys[door].encode(), len(body)) + body
        for expected in (200, 429):
            status, headers, _ = ask(f"127.0.0.1:{guarded.listener.ports.http}", whole)
            assert (status, headers["ratelimit-policy"]) == (expected, policy)
            assert headers["ratelimit"].startswith('"minute";r=0;t=')
        assert 0 < int(headers["retry-after"]) <= 60
    with grpc.insecure_channel(f"127.0.0.1:{guarded.listener.ports.grpc}") as channel:
        call = GRPCInferenceServiceStub(channel).ServerMetadata
        shown = (("authorization", f"Bearer {guarded.keys['grpc']}"),)
        _, first = call.with_call(pb.ServerMetadataRequest(), metadata=shown)
        with pytest.raises(grpc.RpcError) as caught:
            call(pb.ServerMetadataRequest(), metadata=shown)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        for trailing in (first.trailing_metadata(), caught.value.trailing_metadata()):
            assert dict(trailing)["ratelimit-policy"] == policy
