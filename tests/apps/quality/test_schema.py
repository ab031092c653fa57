from __future__ import annotations

from typing import Any

import msgspec
import pytest

from apps.quality.schema import EXAMPLE, QualityQuestion


def question(**changed: Any) -> QualityQuestion:
    return msgspec.convert({**msgspec.to_builtins(EXAMPLE), **changed}, QualityQuestion)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"measurements": {}}, r"\$.measurements"),
        ({"measurements": {"length": 1e13}}, r"\$.measurements"),
        ({"measurements": {"length": "21"}}, r"\$.measurements"),
        ({"measurements": {"length": None}}, r"\$.measurements"),
        ({"measurements": {"": 1.0}}, r"\$.measurements"),
        ({"measurements": {f"m{number}": 1.0 for number in range(33)}}, r"\$.measurements"),
        ({"supplier": ""}, r"\$.supplier"),
        ({"history": [{"length": 1.0}, {}]}, r"\$.history\[1\]"),
        ({"history": [{"length": 1.0}] * 201}, r"\$.history"),
        ({"grade": "A"}, "grade"),
    ],
)
def test_what_is_out_of_range_is_refused_at_its_path(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        question(**changed)


def test_supplier_and_history_may_be_absent() -> None:
    bare = msgspec.convert({"measurements": {"length": 21.0}}, QualityQuestion)
    assert bare.supplier is None
    assert bare.history == ()
