from __future__ import annotations

from typing import Any

import msgspec
import pytest

from apps.matching.schema import EXAMPLE, MOST, MatchQuestion


def changed(**fields: Any) -> MatchQuestion:
    return msgspec.convert({**msgspec.to_builtins(EXAMPLE), **fields}, MatchQuestion)


def test_lists_have_bounds() -> None:
    lot = msgspec.to_builtins(EXAMPLE)["availabilities"][0]
    with pytest.raises(msgspec.ValidationError, match=r"length >= 1 - at `\$.availabilities`"):
        changed(availabilities=[])
    with pytest.raises(msgspec.ValidationError, match=r"length <= 50"):
        changed(availabilities=[{**lot, "id": str(place)} for place in range(MOST + 1)])


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("price", -1, r"\$.requirement.price"),
        ("quality", 1.5, r"\$.requirement.quality"),
        ("unit", "bushel", r"\$.requirement.unit"),
        ("name", "", r"\$.requirement.name"),
        ("place", {"latitude": 91, "longitude": 0}, r"\$.requirement.place.latitude"),
    ],
)
def test_values_out_of_range_are_refused_with_their_path(field: str, value: Any, path: str) -> None:
    requirement = msgspec.to_builtins(EXAMPLE)["requirement"]
    with pytest.raises(msgspec.ValidationError, match=path):
        changed(requirement={**requirement, field: value})
