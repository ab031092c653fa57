"""Types of questions and answers, as OpenAPI shows them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from serving.kernel.added.record_types import answer_type, is_scalar, question_types, row_type
from serving.kernel.tensors import TensorSpec
from tests.serving.added import AB, INPUTS, OUTPUTS


def schema(kind: Any) -> dict[str, Any]:
    """The schema of a type without a name."""
    return msgspec.json.schema_components([kind])[0][0]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (("FP32", (-1,)), {"type": "number"}),
        (("FP32", (-1, 1)), {"type": "number"}),
        (("BYTES", (-1, 1)), {"type": "string"}),
        (("BOOL", (-1,)), {"type": "boolean"}),
        (("UINT8", (-1,)), {"type": "integer", "minimum": 0, "maximum": 255}),
        (("INT16", (-1,)), {"type": "integer", "minimum": -(2**15), "maximum": 2**15 - 1}),
        (("FP64", (-1, 2)), {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
        (("FP64", (-1, -1)), {"type": "array", "items": {"type": "number"}}),
        (("FP64", (-1, 1, 1)), None),
    ],
)
def test_a_row_is_a_value_or_nested_lists(
    spec: tuple[str, tuple[int, ...]], expected: dict[str, Any] | None
) -> None:
    tensor = TensorSpec("x", *spec)
    found = schema(row_type(tensor))
    assert found == expected if expected is not None else found["items"]["type"] == "array"
    assert is_scalar(tensor) == (found["type"] != "array")


def test_only_optional_columns_may_be_left_out() -> None:
    question, positional = question_types("two_numbers", AB.columns, INPUTS)
    assert question.__name__ == "TwoNumbersQuestion"
    described = msgspec.json.schema_components([question])[1]["TwoNumbersQuestion"]
    assert (described["required"], described["additionalProperties"]) == (["a"], False)
    assert described["properties"]["b"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
    assert schema(positional)["minItems"] == schema(positional)["maxItems"] == 2


def test_labels_take_the_place_of_scores() -> None:
    context = msgspec.structs.replace(AB, labels=("x", "y"), scores="total")
    labelled, plain = (answer_type("m", OUTPUTS, one) for one in (context, AB))
    assert [field.encode_name for field in msgspec.structs.fields(labelled)] == ["label", "probabilities"]
    assert [field.encode_name for field in msgspec.structs.fields(plain)] == ["total"]


def test_openapi_tells_the_types_of_models_with_similar_names_apart() -> None:
    kinds = [
        kind
        for name in ("model_1", "model1")
        for kind in (question_types(name, AB.columns, INPUTS)[0], answer_type(name, OUTPUTS, AB))
    ]
    assert len({kind.__name__ for kind in kinds}) == 2
    assert len(msgspec.json.schema_components(kinds)[1]) == 4
