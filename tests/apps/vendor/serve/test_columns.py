from __future__ import annotations

from apps.vendor.schema import INCOTERMS, MODES, PRODUCT_CLASSES
from apps.vendor.serve.columns import CLASSES, COLUMNS, FEATURES, MODE_NAMES, RATE_COLUMN, RISING, TERMS
from apps.vendor.train.data import FORBIDDEN


def test_every_column_has_a_unit_and_none_is_forbidden() -> None:
    assert all(COLUMNS.values())
    assert not set(FORBIDDEN) & set(FEATURES)


def test_columns_are_of_words_that_exist() -> None:
    assert set(MODE_NAMES) == set(MODES)
    assert set(TERMS) <= set(INCOTERMS)
    assert set(CLASSES) <= set(PRODUCT_CLASSES)


def test_rising_columns_are_columns_and_the_rate_is_the_share() -> None:
    assert set(RISING) < set(FEATURES)
    assert FEATURES[RATE_COLUMN] == "late_share"
