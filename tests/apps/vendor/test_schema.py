from __future__ import annotations

from typing import Any

import msgspec
import pytest

from apps.vendor.schema import EXAMPLE, VendorQuestion


def record(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = {**msgspec.to_builtins(EXAMPLE), **changed}
    return found


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"vendor": ""}, r"\$\.vendor"),
        ({"quantity": 0}, r"\$\.quantity"),
        ({"quantity": 1.5}, r"\$\.quantity"),
        ({"value": -1}, r"\$\.value"),
        ({"weight": "Weight Captured Separately"}, r"\$\.weight"),
        ({"mode": "zeppelin"}, r"\$\.mode"),
        ({"asked": "2-Jun-06"}, r"\$\.asked"),
        ({"history": [{"scheduled": "2014-13-01"}]}, r"\$\.history\[0\]\.scheduled"),
        ({"history": [{"delivered": "2014-01-01"}]}, r"\$\.history\[0\]"),
        ({"history": [{"scheduled": "2014-01-01"}] * 1001}, r"\$\.history"),
    ],
)
def test_what_is_out_of_range_is_refused_with_its_path(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        msgspec.convert(record(**changed), VendorQuestion)


def test_the_least_a_question_needs() -> None:
    least = {name: record()[name] for name in ("vendor", "country", "asked", "scheduled", "quantity", "value")}
    question = msgspec.convert(least, VendorQuestion)
    assert question.history == ()
    assert question.fulfilment == "direct"
