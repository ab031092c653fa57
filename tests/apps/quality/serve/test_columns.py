from __future__ import annotations

from apps.quality.schema import SLOTS
from apps.quality.serve.columns import DEVIATION_START, FEATURES, HISTORY_COLUMN, MEASURES


def test_columns_are_measurements_then_deviations_then_history() -> None:
    assert len(set(FEATURES)) == len(FEATURES) == 2 * SLOTS + 1
    assert FEATURES[:SLOTS] == MEASURES
    assert FEATURES[DEVIATION_START].startswith("deviation_")
    assert FEATURES[HISTORY_COLUMN] == "history" == FEATURES[-1]
