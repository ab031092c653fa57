"""Malformed calls to the gRPC door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb

from tests.serving.edge.malformed.case import Target

SERVICE = "/inference.GRPCInferenceService/"
Make = Callable[[Target], bytes]


@dataclass(frozen=True)
class GrpcCase:
    """One malformed call as bytes, the status it must get and words its message must hold."""

    name: str
    make: Make
    code: grpc.StatusCode
    says: tuple[str, ...]
    method: str = "ModelInfer"


def infer(target: Target, **changes: Any) -> Any:
    """A valid ModelInferRequest with raw contents; changes to its tensor by name."""
    message = pb.ModelInferRequest(model_name=target.model)
    tensor = message.inputs.add(name=target.input, datatype="FP32", shape=[1, target.width])
    if changes.pop("raw", True):
        message.raw_input_contents.append(target.raw())
    for name, value in changes.items():
        if name == "shape":
            tensor.shape[:] = value
        else:
            setattr(tensor, name, value)
    return message


def tensor(**changes: Any) -> Make:
    return lambda target: infer(target, **changes).SerializeToString()


def edited(edit: Callable[[Any, Target], Any], raw: bool = True) -> Make:
    """A valid request, edited in place."""

    def make(target: Target) -> bytes:
        message = infer(target, raw=raw)
        edit(message, target)
        return bytes(message.SerializeToString())

    return make


def typed(name: str, values: Callable[[Target], list[Any]], datatype: str = "FP32") -> Make:
    """A request whose contents are `values` in the field `name`."""

    def edit(message: Any, target: Target) -> None:
        message.inputs[0].datatype = datatype
        getattr(message.inputs[0].contents, name).extend(values(target))

    return edited(edit, raw=False)


def shape(make: Callable[[Target], list[int]]) -> Make:
    return lambda target: infer(target, shape=make(target)).SerializeToString()


def raws(make: Callable[[Target], list[bytes]]) -> Make:
    def edit(message: Any, target: Target) -> None:
        del message.raw_input_contents[:]
        message.raw_input_contents.extend(make(target))

    return edited(edit)


def second(message: Any, _target: Target) -> None:
    message.inputs.append(message.inputs[0])
    message.raw_input_contents.append(message.raw_input_contents[0])


def add_contents(message: Any, target: Target) -> None:
    message.inputs[0].contents.fp32_contents.extend(target.numbers())


def two_contents(message: Any, target: Target) -> None:
    add_contents(message, target)
    message.inputs[0].contents.int64_contents.append(1)


def shared(message: Any, _target: Target) -> None:
    message.inputs[0].parameters["shared_memory_region"].string_param = "x"


def named(kind: Any, **fields: Any) -> Make:
    return lambda target: kind(
        **{key: value.format(**vars(target)) for key, value in fields.items()}
    ).SerializeToString()


def bad(name: str, make: Make, *says: str, **more: Any) -> GrpcCase:
    return GrpcCase(name, make, grpc.StatusCode.INVALID_ARGUMENT, says, **more)


def lost(name: str, make: Make, *says: str, **more: Any) -> GrpcCase:
    return GrpcCase(name, make, grpc.StatusCode.NOT_FOUND, says, **more)


def large(name: str, make: Make, *says: str) -> GrpcCase:
    return GrpcCase(name, make, grpc.StatusCode.RESOURCE_EXHAUSTED, says)


def absent(method: str) -> GrpcCase:
    return GrpcCase(method, lambda _t: b"", grpc.StatusCode.UNIMPLEMENTED, (method, "not offered"), method)


VERSION = pb.ModelInferRequest
RAW = "raw_input_contents"
SHAPE = "inputs[0].shape"
TYPED = "inputs[0].contents"

CASES = (
    bad("not protobuf", lambda t: b"\xff\xff\xff", "3 bytes", "ModelInfer"),
    bad("text", lambda t: b"hello world", "not the protobuf message"),
    bad("JSON", lambda t: t.tensors(), "not the protobuf message"),
    bad("cut short", lambda t: tensor()(t)[:-3], "not the protobuf message"),
    bad("readiness not protobuf", lambda t: b"\x0a\xff", "ModelReady", method="ModelReady"),
    bad("name not UTF-8", lambda t: b"\x0a\x02\xff\xfe", "not the protobuf message"),
    lost("empty message", lambda t: b"", "''"),
    lost("no model", edited(lambda m, t: m.ClearField("model_name")), "''"),
    lost("unknown model", edited(lambda m, t: setattr(m, "model_name", "nosuch")), "nosuch"),
    lost("unknown version", edited(lambda m, t: setattr(m, "model_version", "999999")), "999999"),
    lost("version of text", edited(lambda m, t: setattr(m, "model_version", "new")), "new", "whole numbers"),
    lost("version zero", edited(lambda m, t: setattr(m, "model_version", "0")), "whole numbers"),
    lost("version negative", edited(lambda m, t: setattr(m, "model_version", "-1")), "whole numbers"),
    lost("version a fraction", edited(lambda m, t: setattr(m, "model_version", "1.0")), "whole numbers"),
    bad("no inputs", lambda t: pb.ModelInferRequest(model_name=t.model).SerializeToString(), "{input}", "missing"),
    bad("unknown name", tensor(name="zzz"), "inputs[0].name", "zzz", "allowed: {input}"),
    bad("no name", tensor(name=""), "inputs[0].name", "allowed: {input}"),
    bad("name twice", edited(second), "inputs[1].name", "twice"),
    bad("no datatype", tensor(datatype=""), "inputs[0].datatype", "allowed", "FP32"),
    bad("unknown datatype", tensor(datatype="FLOAT"), "inputs[0].datatype", "FLOAT", "FP32"),
    bad("datatype lower case", tensor(datatype="fp32"), "inputs[0].datatype", "FP32"),
    bad("another datatype", tensor(datatype="INT64"), "inputs[0].datatype", "must be FP32"),
    bad("no shape", shape(lambda t: []), SHAPE, "row axis"),
    bad("shape negative", shape(lambda t: [-1, t.width]), "inputs[0].shape[0]", "0 or more"),
    bad("shape without rows", shape(lambda t: [0, t.width]), SHAPE, "at least 1"),
    bad("shape too flat", shape(lambda t: [t.width]), SHAPE, "must be [-1, {width}]"),
    bad("shape too deep", shape(lambda t: [1, t.width, 1]), SHAPE, "must be [-1, {width}]"),
    bad("shape too wide", shape(lambda t: [1, t.width + 1]), SHAPE, "must be [-1, {width}]"),
    bad("shape of 2**62", shape(lambda t: [1, 2**62]), SHAPE, "must be [-1, {width}]"),
    bad("more rows than bytes", shape(lambda t: [2, t.width]), RAW + "[0]", "needs", "bytes, got"),
    large("too many rows", shape(lambda t: [t.max_rows + 1, t.width]), SHAPE, "at most {max_rows}"),
    large("rows of 2**62", shape(lambda t: [2**62, t.width]), SHAPE, "at most {max_rows}"),
    bad("raw one byte short", raws(lambda t: [t.raw()[:-1]]), RAW + "[0]", "needs", "bytes, got"),
    bad("raw one byte long", raws(lambda t: [t.raw() + b"x"]), RAW + "[0]", "needs", "bytes, got"),
    bad("raw empty", raws(lambda t: [b""]), RAW + "[0]", "got 0"),
    bad("raw of FP64", raws(lambda t: [t.raw() * 2]), RAW + "[0]", "needs", "bytes, got"),
    bad("two raws for one input", raws(lambda t: [t.raw()] * 2), RAW, "1 inputs", "got 2"),
    bad("raw and typed", edited(add_contents), TYPED, "must be empty"),
    bad("neither raw nor typed", tensor(raw=False), TYPED + ".fp32_contents", "{width} elements, got 0"),
    bad("typed too short", typed("fp32_contents", lambda t: t.numbers()[:-1]), "{width} elements, got"),
    bad("typed too long", typed("fp32_contents", lambda t: t.numbers() + [1.0]), "{width} elements, got"),
    bad("typed FP64", typed("fp64_contents", lambda t: t.numbers()), TYPED, "belongs in fp32_contents"),
    bad("typed INT64", typed("int64_contents", lambda t: [1] * t.width), "belongs in fp32_contents"),
    bad("typed BOOL", typed("bool_contents", lambda t: [True] * t.width), "belongs in fp32_contents"),
    bad("typed BYTES", typed("bytes_contents", lambda t: [b"1"] * t.width), "belongs in fp32_contents"),
    bad("two kinds of contents", edited(two_contents, raw=False), "int64_contents", "belongs in fp32_contents"),
    bad("another datatype typed", typed("bytes_contents", lambda t: [b""], "BYTES"), "must be FP32"),
    bad("shared memory", edited(shared), "shared_memory_region", "not supported"),
    bad("unknown output", edited(lambda m, t: m.outputs.add(name="zzz")), "outputs[0].name", "allowed: {output}"),
    bad("output without name", edited(lambda m, t: m.outputs.add()), "outputs[0].name", "allowed: {output}"),
    bad(
        "output twice",
        edited(lambda m, t: [m.outputs.add(name=t.output) for _ in "ab"]),
        "outputs[1].name",
        "once",
    ),
    lost("metadata of nosuch", named(pb.ModelMetadataRequest, name="nosuch"), "nosuch", method="ModelMetadata"),
    lost(
        "readiness of version x",
        named(pb.ModelReadyRequest, name="{model}", version="x"),
        "whole numbers",
        method="ModelReady",
    ),
    lost("config of nosuch", named(pb.ModelConfigRequest, name="nosuch"), "nosuch", method="ModelConfig"),
    lost(
        "metadata of version x",
        named(pb.ModelMetadataRequest, name="{model}", version="x"),
        "whole numbers",
        method="ModelMetadata",
    ),
    large("message too large", raws(lambda t: [b"\0" * (t.max_body_bytes + 1)]), "larger than max"),
    absent("LogSettings"),
    absent("RepositoryModelLoad"),
    absent("SystemSharedMemoryRegister"),
    absent("TraceSetting"),
    GrpcCase("unknown method", lambda t: b"", grpc.StatusCode.UNIMPLEMENTED, ("Method not found",), "Nonsense"),
)


def call(channel: grpc.Channel, case: GrpcCase, target: Target, timeout: float = 10.0) -> grpc.RpcError | None:
    """Make the call and return its error."""
    method = channel.unary_unary(SERVICE + case.method)
    try:
        method(case.make(target), timeout=timeout)
    except grpc.RpcError as error:
        return error
    return None


def check(error: Any, case: GrpcCase, target: Target) -> None:
    """The status and every expected word."""
    assert error is not None, "was answered"
    assert error.code() == case.code, error.details()
    for words in case.says:
        assert words.format(**vars(target)) in error.details(), error.details()
    assert "Traceback" not in error.details()
