from __future__ import annotations

from apps.price.schema import GROUPS
from apps.price.serve.columns import (
    COLUMNS,
    DISPERSION_COLUMN,
    FEATURES,
    HORIZON_COLUMN,
    KNOWN_COLUMN,
    LAGS,
    OPTIONAL,
    SPANS,
    WINDOW,
)


def test_every_column_has_a_unit() -> None:
    assert tuple(COLUMNS) == FEATURES
    assert all(COLUMNS.values())


def test_the_columns_others_refer_to_are_where_they_say() -> None:
    named = [FEATURES[column] for column in (HORIZON_COLUMN, DISPERSION_COLUMN, KNOWN_COLUMN)]
    assert named == ["horizon", "dispersion", "observations"]


def test_the_optional_groups_are_those_a_question_may_hold() -> None:
    assert ("reference", *OPTIONAL) == GROUPS
    assert FEATURES[-12:] == tuple(name for names in OPTIONAL.values() for name in names)


def test_nothing_reaches_beyond_the_window() -> None:
    assert SPANS[-1] == WINDOW
    assert max(LAGS) < WINDOW
