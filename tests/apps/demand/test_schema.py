from __future__ import annotations

import datetime

import msgspec
import pytest

from apps.demand.schema import EXAMPLE, DemandContext, DemandQuestion, DemandSeries


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"series": "onion", "horizon": 0}', "horizon"),
        ('{"series": "onion", "horizon": 91}', "horizon"),
        ('{"series": "onion", "horizon": 1.5}', "horizon"),
        ('{"series": "onion", "horizon": "soon"}', "horizon"),
        ('{"series": "onion", "date": "2025-02-30"}', "date"),
        ('{"series": "", "horizon": 1}', "series"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}"):
        msgspec.json.decode(text, type=DemandQuestion)


def test_a_context_survives_the_manifest() -> None:
    day = datetime.date(2025, 1, 1)
    context = DemandContext(
        series=(DemandSeries(name="onion", unit="tonnes", last_date=day),), events={day: (1, 4)}, steps=12
    )
    assert msgspec.json.decode(msgspec.json.encode(context), type=DemandContext) == context
    assert EXAMPLE.horizon == 30
