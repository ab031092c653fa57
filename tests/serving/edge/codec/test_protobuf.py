from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from tritonclient.grpc import InferResult
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.datatypes import DATATYPES
from serving.edge.codec.protobuf import CONTENTS, decode_message, encode_message
from serving.kernel.errors import Invalid, Malformed
from serving.kernel.tensors import to_wire
from tests.serving.edge.codec.tensors import app_of, assert_same, tensors


def message(datatype: str, array: npt.NDArray[Any], raw: bool) -> Any:
    made = pb.ModelInferRequest(model_name="every", id="7")
    tensor = made.inputs.add(name="x", datatype=datatype, shape=array.shape)
    if raw:
        made.raw_input_contents.append(bytes(to_wire(datatype, array)))
    else:
        getattr(tensor.contents, CONTENTS[datatype]).extend(array.reshape(-1).tolist())
    return pb.ModelInferRequest.FromString(made.SerializeToString())


@given(tensors())
def test_raw_round_trip(tensor: tuple[str, npt.NDArray[Any]]) -> None:
    datatype, array = tensor
    app = app_of(datatype, array.ndim)
    asked = decode_message(app, message(datatype, array, True), 100)
    assert_same(asked.inputs["x"], array)
    answer = encode_message(app, asked, {"x": array}, 3, "r")
    assert (answer.model_version, answer.id) == ("3", "7")
    theirs = InferResult(answer).as_numpy("x")
    if datatype == "BF16":
        theirs = theirs.astype(np.float32)
    assert theirs.tolist() == array.tolist() or np.array_equal(theirs, array, equal_nan=True)


@given(tensors())
def test_typed_contents(tensor: tuple[str, npt.NDArray[Any]]) -> None:
    datatype, array = tensor
    if datatype in CONTENTS:
        asked = decode_message(app_of(datatype, array.ndim), message(datatype, array, False), 100)
        assert_same(asked.inputs["x"], array)


@pytest.mark.parametrize("datatype", ["INT8", "INT16", "UINT8", "UINT16"])
def test_small_integers_are_checked(datatype: str) -> None:
    value = DATATYPES[datatype].bounds[1] + 1
    with pytest.raises(Invalid, match=f"{value} does not fit {datatype}"):
        decode_message(app_of(datatype, 1), message(datatype, np.array([value]), False), 10)


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_floats_come_raw(datatype: str) -> None:
    made = pb.ModelInferRequest()
    made.inputs.add(name="x", datatype=datatype, shape=[1]).contents.fp32_contents.append(1.0)
    with pytest.raises(Malformed, match="use raw_input_contents"):
        decode_message(app_of(datatype, 1), made, 10)
