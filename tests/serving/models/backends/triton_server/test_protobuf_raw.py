from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from serving.models.backends.triton_server.protobuf_raw import (
    RAW_INPUT_CONTENTS,
    RAW_OUTPUT_CONTENTS,
    append_raw,
    extract_raw,
)

CONTENTS = st.lists(st.binary(max_size=40) | st.sampled_from([b"x" * 127, b"x" * 128, b"x" * 20_000]), max_size=4)


@given(CONTENTS, st.text(max_size=10))
def test_protobuf_reads_what_is_written(contents: list[bytes], name: str) -> None:
    head = pb.ModelInferRequest(model_name=name, id="r")
    head.inputs.add(name="x", shape=[2, 3])
    message = append_raw(head.SerializeToString(), RAW_INPUT_CONTENTS, [memoryview(each) for each in contents])
    read = pb.ModelInferRequest.FromString(message)
    assert list(read.raw_input_contents) == contents
    read.ClearField("raw_input_contents")
    assert read == head


@given(CONTENTS, st.text(max_size=10))
def test_what_protobuf_writes_is_read(contents: list[bytes], name: str) -> None:
    reply = pb.ModelInferResponse(model_name=name, model_version="3")
    reply.outputs.add(name="y", datatype="FP32", shape=[1])
    reply.parameters["triton_final_response"].bool_param = True
    whole = pb.ModelInferResponse()
    whole.CopyFrom(reply)
    whole.raw_output_contents.extend(contents)
    rest, values = extract_raw(whole.SerializeToString(), RAW_OUTPUT_CONTENTS)
    assert pb.ModelInferResponse.FromString(rest) == reply
    assert values == contents


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_or_read_but_never_crash(message: bytes) -> None:
    try:
        rest, values = extract_raw(message, RAW_OUTPUT_CONTENTS)
    except ValueError:
        return
    assert len(rest) + sum(map(len, values)) <= len(message)


@pytest.mark.parametrize("message", [b"\x08\x01", b"\x32\x05ab", b"\x32", b"\xff" * 12])
def test_no_message_is_no_message(message: bytes) -> None:
    with pytest.raises(ValueError, match="byte"):
        extract_raw(message, RAW_OUTPUT_CONTENTS)
