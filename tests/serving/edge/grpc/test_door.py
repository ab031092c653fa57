from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import MARKETS
from tests.serving.edge.wire import eventually


@pytest.fixture(scope="module")
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(server.grpc) as channel:
        yield GRPCInferenceServiceStub(channel)


def infer(market: str = "", **fields: Any) -> Any:
    """A request of one row; a market of the toy app makes things go wrong on purpose."""
    request = pb.ModelInferRequest(model_name="toy", **fields)
    code = float(MARKETS.index(market) - len(MARKETS)) if market else 2.0
    request.inputs.add(name="features", datatype="FP32", shape=[1, 2]).contents.fp32_contents.extend([1.0, code])
    return request


def failed(call: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_answer_and_trailing_metadata(server: Server, stub: Any) -> None:
    answer, call = stub.ModelInfer.with_call(infer(id="own"), metadata=(("x-request-id", "from-metadata"),))
    assert (answer.model_name, answer.model_version, answer.id) == ("toy", "3", "own")
    assert answer.outputs[0].shape == [1, 1] and len(answer.raw_output_contents[0]) == 4
    assert dict(call.trailing_metadata()) == {"x-request-id": "from-metadata", "x-model-version": "3"}
    answer, call = stub.ModelInfer.with_call(infer(id="own", model_version="2"))
    assert dict(call.trailing_metadata()) == {"x-request-id": "own", "x-model-version": "2"}
    answer, call = stub.ModelInfer.with_call(infer())
    assert answer.id == dict(call.trailing_metadata())["x-request-id"]


@pytest.mark.parametrize(
    ("market", "code"),
    [
        ("busy", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("cold", grpc.StatusCode.UNAVAILABLE),
        ("broken", grpc.StatusCode.INTERNAL),
        ("crash", grpc.StatusCode.INTERNAL),
    ],
)
def test_server_faults(stub: Any, market: str, code: grpc.StatusCode) -> None:
    error: Any = failed(lambda: stub.ModelInfer(infer(market, id="f-1")))
    assert error.code() == code and "secret" not in error.details()
    assert dict(error.trailing_metadata())["x-request-id"] == "f-1"


def test_deadline_and_trace_reach_the_data_plane(server: Server, stub: Any) -> None:
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    stub.ModelInfer(infer(), timeout=40, metadata=(("traceparent", parent),))
    call = server.plane.calls[-1]
    assert 0 < call.remaining() <= 41 and (call.door, call.trace_id) == ("grpc", "a" * 32)
    stub.ModelInfer(infer(), timeout=100_000)
    assert server.plane.calls[-1].remaining() <= server.plane.settings.max_timeout_ms / 1000
    stub.ModelInfer(infer())
    assert server.plane.calls[-1].remaining() <= server.plane.settings.default_timeout_ms / 1000


def test_deadline(stub: Any) -> None:
    began = time.monotonic()
    error: Any = failed(lambda: stub.ModelInfer(infer("sleep"), timeout=0.2))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 25, "before the toy itself woke"


def test_cancellation_reaches_the_data_plane(server: Server, stub: Any) -> None:
    call = stub.ModelInfer.future(infer("sleep", id="g-leaver"))
    time.sleep(0.2)
    call.cancel()
    eventually(lambda: "g-leaver" in server.plane.cancelled)
    eventually(
        lambda: any(r.request_id == "g-leaver" and r.status == CLIENT_GONE for r in server.recorder.records)
    )


def test_readiness(server: Server, stub: Any) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    server.plane.is_ready = False
    try:
        assert not stub.ServerReady(pb.ServerReadyRequest()).ready
        assert not stub.ModelReady(pb.ModelReadyRequest(name="toy")).ready
    finally:
        server.plane.is_ready = True
    assert stub.ModelReady(pb.ModelReadyRequest(name="toy", version="1")).ready


def test_a_finished_call_is_recorded(server: Server, stub: Any) -> None:
    stub.ModelInfer(infer(id="g-kept"))
    (record,) = [record for record in server.recorder.records if record.request_id == "g-kept"]
    assert (record.door, record.route) == ("grpc", "/inference.GRPCInferenceService/ModelInfer")
    assert (record.model, record.version, record.status, record.rows, record.error) == ("toy", 3, 200, 1, "")
    failed(lambda: stub.ModelInfer(infer("busy", id="g-busy")))
    (record,) = [record for record in server.recorder.records if record.request_id == "g-busy"]
    assert (record.status, record.error, record.version) == (503, "Overloaded", 3)


def test_streaming_is_refused_with_a_sentence(stub: Any) -> None:
    error: Any = failed(lambda: list(stub.ModelStreamInfer(iter([infer()]))))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED and "not offered" in error.details()


def test_a_client_without_our_protos_can_ask_what_there_is(server: Server) -> None:
    """Server reflection, as grpcurl uses it."""
    with grpc.insecure_channel(server.grpc) as channel:
        known = ProtoReflectionDescriptorDatabase(channel)
        assert "inference.GRPCInferenceService" in known.get_services()
        service = DescriptorPool(known).FindServiceByName("inference.GRPCInferenceService")
        assert "ModelInfer" in [method.name for method in service.methods]
