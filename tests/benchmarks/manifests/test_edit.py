from __future__ import annotations

from typing import Any

import pytest

from benchmarks.manifests.edit import Change, append, both, drop, put, rename


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("a 0 b", 2), {"a": [{"b": 2}]}),
        (put("c d", 2), {"a": [{"b": 1}], "c": {"d": 2}}),
        (drop("a 0 b"), {"a": [{}]}),
        (rename("a 0 b", "x"), {"a": [{"x": 1}]}),
        (append("a", 0), {"a": [{"b": 1}, {"b": 1}]}),
        (append("a", {"n": 1}), {"a": [{"b": 1}, {"n": 1}]}),
        (both(put("a 0 b", 2), drop("a 0")), {"a": []}),
    ],
)
def test_changes(change: Change, expected: dict[str, Any]) -> None:
    body: dict[str, Any] = {"a": [{"b": 1}]}
    change(body)
    assert body == expected


def test_what_is_not_there_cannot_be_dropped() -> None:
    with pytest.raises(KeyError):
        drop("a b")({"a": {}})
