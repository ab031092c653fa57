from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.fraud.schema import LARGEST, MAX_FEATURES, FraudQuestion
from apps.fraud.serve.features import SLOTS, encode, table
from serving.kernel.errors import Invalid
from tests.apps.fraud.tables import CONTEXT, NAMES

numbers = st.none() | st.floats(-LARGEST, LARGEST)
records = st.fixed_dictionaries(
    {"amount": st.floats(-LARGEST, LARGEST)}, optional={"hour": numbers, "items": numbers}
)


@given(st.lists(records, min_size=1, max_size=5))
def test_values_stand_in_their_slots(given_records: list[dict[str, float | None]]) -> None:
    features = encode([FraudQuestion(features=record) for record in given_records], CONTEXT)["features"]
    assert features.shape == (len(given_records), MAX_FEATURES)
    assert features.dtype == np.float32
    assert np.isnan(features[:, len(NAMES) :]).all()
    for row, record in zip(features, given_records, strict=True):
        for name, value in zip(NAMES, row, strict=False):
            wanted = record.get(name)
            assert np.isnan(value) if wanted is None else value == np.float32(wanted)


def test_a_feature_that_is_not_known_is_refused_by_its_path() -> None:
    asked = [FraudQuestion(features={"amount": 1.0}), FraudQuestion(features={"amount": 1.0, "age": 3.0})]
    with pytest.raises(Invalid, match="amount, hour, items") as raised:
        encode(asked, CONTEXT)
    assert raised.value.field == "[1].features.age"


def test_a_record_without_a_number_is_refused() -> None:
    with pytest.raises(Invalid, match="no feature is known") as raised:
        encode([FraudQuestion(features={"hour": None})], CONTEXT)
    assert raised.value.field == "[0].features"


def test_training_and_serving_fill_the_same_slots() -> None:
    values = np.array([[1.5, np.nan, 3.0]])
    asked = FraudQuestion(features={"items": 3.0, "amount": 1.5})
    np.testing.assert_array_equal(table(values), encode([asked], CONTEXT)["features"])
    assert len(SLOTS) == len(set(SLOTS)) == MAX_FEATURES
