from __future__ import annotations

from apps.demand.serve.columns import COLUMNS, EVENTS, FEATURES, KHARIF, RABI


def test_columns_have_units_and_one_place_each() -> None:
    assert tuple(COLUMNS) == FEATURES
    assert FEATURES[:3] == ("series", "day", "step")
    assert sum(name.startswith("event_") for name in FEATURES) == EVENTS
    assert all(COLUMNS.values())


def test_harvests_do_not_overlap() -> None:
    assert not set(KHARIF) & set(RABI)
