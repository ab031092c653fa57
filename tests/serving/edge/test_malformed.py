"""Every malformed request of the tables against the small server. The tables run against the real stack too."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import msgspec
import pytest

from tests.serving.edge.conftest import Server
from tests.serving.edge.malformed import binary, v1, v2
from tests.serving.edge.malformed import grpc as rpc
from tests.serving.edge.malformed.case import Case, Target, check, send
from tests.serving.edge.toy import EXAMPLE

HTTP = {"v1": v1.CASES, "v2": v2.CASES, "binary": binary.CASES}
TARGET = Target(
    model="toy",
    instance=msgspec.to_builtins(EXAMPLE),
    integer="horizon",
    low=1,
    high=30,
    input="features",
    width=2,
    output="total",
    max_body_bytes=2**20,
)


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{d}-{c.name}") for d, cases in HTTP.items() for c in cases])
def test_http(server: Server, case: Case) -> None:
    check(send(server.http, case, TARGET), case, TARGET)


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc) as made:
        yield made


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in rpc.CASES])
def test_grpc(channel: grpc.Channel, case: rpc.GrpcCase) -> None:
    rpc.check(rpc.call(channel, case, TARGET), case, TARGET)


@pytest.mark.parametrize("cases", [*HTTP.values(), rpc.CASES])
def test_each_door_has_at_least_forty(cases: tuple[Case, ...]) -> None:
    names = [case.name for case in cases]
    assert len(set(names)) == len(names) >= 40


def test_the_base_requests_are_valid(server: Server, channel: grpc.Channel) -> None:
    """So that each case fails for its one reason."""
    assert send(server.http, v1.case("valid", v1.valid, 200), TARGET).status == 200
    assert send(server.http, v2.case("valid", v2.tensor(), 200), TARGET).status == 200
    assert send(server.http, binary.case("valid", binary.parts(Target.raw), 200), TARGET).status == 200
    assert rpc.call(channel, rpc.bad("valid", rpc.tensor()), TARGET) is None
