from __future__ import annotations

from google.protobuf.json_format import MessageToDict, ParseDict
from tritonclient.grpc import model_config_pb2 as config

from serving.edge.codec.datatypes import DATATYPES
from serving.edge.codec.model_config import model_config
from tests.serving.edge.toy import ToyPlane

MADE = model_config(ToyPlane().metadata("every"), 64)


def test_every_datatype_has_tritons_name() -> None:
    kinds = {tensor["name"]: tensor["data_type"] for tensor in MADE["input"]}
    assert kinds["in_BYTES"] == "TYPE_STRING" and kinds["in_FP32"] == "TYPE_FP32"
    assert set(kinds.values()) <= set(config.DataType.keys()) and len(kinds) == len(DATATYPES)


def test_the_row_axis_is_left_out() -> None:
    assert MADE["max_batch_size"] == 64 and {tuple(tensor["dims"]) for tensor in MADE["output"]} == {(2,)}


def test_it_is_the_message_of_tritons_protocol() -> None:
    """With the same names; protobuf writes 64-bit numbers as text, and leaves out what is the default."""
    message = ParseDict(MADE, config.ModelConfig())
    back = MessageToDict(message, preserving_proto_field_name=True)
    assert back.keys() == MADE.keys() - {"platform"}
    assert (MADE["platform"], message.backend) == ("", "python")
    assert [tensor["dims"] for tensor in back["input"]] == [["2"]] * len(DATATYPES)
