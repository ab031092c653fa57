from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.fraud.schema import MAX_FEATURES
from apps.fraud.train.data import BUDGET, LABEL, SCHEMA, cut, cut_again, features_of, matrix, record_of, tidy
from apps.fraud.train.recipe import recipe
from tests.apps.fraud.tables import NAMES, raw
from training.data.read import from_generator
from training.data.validate import validate
from training.errors import DataError
from training.recipe import RecipeOptions


def tidied(frame: pd.DataFrame, **select: str) -> pd.DataFrame:
    return tidy(frame, RecipeOptions(select=select))


@pytest.mark.parametrize("name", ["label", "y", "Class", "is_fraud"])
def test_the_label_is_found_by_its_name(name: str) -> None:
    frame = tidied(raw().rename(columns={"label": name}))
    assert features_of(frame) == NAMES
    assert frame[LABEL].sum() == 20


def test_the_label_may_be_named() -> None:
    frame = tidied(raw().rename(columns={"label": "odd"}), label="odd")
    assert features_of(frame) == NAMES
    with pytest.raises(DataError, match="--label even: there is no such column"):
        tidied(raw(), label="even")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": 1}, "found y, label|found label, y"),
        ({"label": 2}, "found 2; expected 0 for a normal record"),
        ({"hour": "noon"}, "column 'hour': found 'noon'"),
        ({"x" * 65: 1.0}, "1 to 64 characters"),
        ({f"f{number}": 1.0 for number in range(MAX_FEATURES)}, f"67 features; expected 1 to {MAX_FEATURES}"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        tidied(raw().assign(**change))
    with pytest.raises(DataError, match="found none"):
        tidied(raw().drop(columns="label"))


@pytest.mark.parametrize("budget", ["0", "-1", "0.3", "many"])
def test_a_budget_is_a_share(budget: str) -> None:
    with pytest.raises(DataError, match=f"--budget {budget}: expected a share"):
        tidied(raw(), budget=budget)
    assert tidied(raw(), budget="0.05").attrs["alert_budget"] == 0.05
    assert tidied(raw()).attrs["alert_budget"] == BUDGET


def test_a_column_that_counts_the_rows_is_refused() -> None:
    """An identifier in the order of the classes would give the answer away."""
    frame = raw().sort_values("label")
    dataset = from_generator(frame.assign(number=np.arange(len(frame))), "fraud")
    with pytest.raises(DataError, match="'number' is an identifier"):
        validate(recipe, tidied(dataset.frame), dataset)


def test_a_second_label_is_refused() -> None:
    dataset = from_generator(raw().assign(y=0, label=lambda table: table["label"]), "fraud")
    with pytest.raises(DataError, match="'y' leaks the target"):
        validate(recipe, tidied(dataset.frame, label="label"), dataset)


def test_numbers_that_are_not_finite_are_refused() -> None:
    dataset = from_generator(raw().assign(hour=[np.inf] + [1.0] * 399), "fraud")
    with pytest.raises(DataError, match="column 'hour': found inf"):
        validate(recipe, tidied(dataset.frame), dataset)


def test_no_record_is_in_two_parts_and_none_to_train_on_is_odd() -> None:
    frame = SCHEMA.validate(tidied(raw(2000, 60)))
    frame.attrs["alert_budget"] = 0.02
    # The same features once normal, once not: a tie.
    both = frame[frame[LABEL] == 1].assign(**{LABEL: 0})
    parts = cut(pd.concat([frame, both], ignore_index=True))
    records = [set(record_of(part).tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert not records[0] & records[1] and not records[0] & records[2] and not records[1] & records[2]
    assert parts.train[LABEL].sum() == parts.validation[LABEL].sum() == 0
    assert parts.test[LABEL].sum() == 60
    assert not set(record_of(both).tolist()) & (records[0] | records[1])
    assert parts.description["repeated"] > 200
    assert 0.45 < len(parts.train) / (len(frame) - 60) < 0.55
    assert parts.description["prevalence"]["test"] == pytest.approx(60 / len(parts.test))


def test_a_record_is_what_most_of_its_rows_say() -> None:
    frame = SCHEMA.validate(tidied(raw(2000, 60)))
    stray = frame[frame[LABEL] == 0].drop_duplicates().head(40)
    strays = set(record_of(stray).tolist())
    parts = cut(pd.concat([frame, stray, stray, stray.assign(**{LABEL: 1})], ignore_index=True))
    places = [strays & set(record_of(part).tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert all(places) and sum(map(len, places)) == 40, "dealt as normal records are, each to one part"
    assert parts.train[LABEL].sum() == parts.validation[LABEL].sum() == 0
    assert parts.test[LABEL].sum() == 60 + len(places[2]), "those in the test keep their labels"


def test_duplicates_count_in_every_part_and_never_move() -> None:
    frame = SCHEMA.validate(tidied(raw(2000, 60)))
    more = pd.concat([frame, SCHEMA.validate(tidied(raw(2000, 60, seed=1)))], ignore_index=True)
    first, second = cut(frame), cut(more)
    for name in ("train", "validation", "test"):
        known = set(record_of(getattr(second, name)).tolist())
        assert set(record_of(getattr(first, name)).tolist()) <= known
    assert len(first.train) + len(first.validation) + len(first.test) == len(frame)


def test_a_search_is_judged_by_made_up_anomalies_and_never_by_the_test_part() -> None:
    frame = SCHEMA.validate(tidied(raw(2000, 60)))
    frame.attrs["alert_budget"] = 0.02
    outer = cut(frame)
    before = pd.concat([outer.train, outer.validation])
    before.attrs["alert_budget"] = 0.02
    inner = cut_again(before)
    hidden = set(record_of(outer.test).tolist())
    normal = [part[part[LABEL] == 0] for part in (inner.train, inner.validation, inner.test)]
    assert [len(part) for part in normal[:2]] == [len(inner.train), len(inner.validation)]
    assert not any(hidden & set(record_of(part).tolist()) for part in normal)
    assert sum(map(len, normal)) == len(before)
    assert 0.2 < len(normal[2]) / len(before) < 0.4, "a share of what is left, as of the whole"
    made_up = inner.test[inner.test[LABEL] == 1]
    assert 0.03 < len(made_up) / len(before) < 0.06
    for column in features_of(frame):
        assert set(made_up[column].dropna()) <= set(before[column])
    assert not set(record_of(made_up).tolist()) & set(record_of(before).tolist())
    assert inner.description["alert_budget"] == 0.02


def test_too_few_anomalies_to_judge_by_are_refused() -> None:
    with pytest.raises(DataError, match="9 anomalies; at least 10"):
        cut(tidied(raw(400, 9)))
    frame = tidied(raw(400, 12))
    denied = frame[frame[LABEL] == 1].head(5).assign(**{LABEL: 0})
    with pytest.raises(DataError, match="7 anomalies; at least 10"):
        cut(pd.concat([frame, denied, denied], ignore_index=True))


def test_the_matrix_has_the_features_in_their_order() -> None:
    frame = tidied(raw())
    assert matrix(frame).dtype == np.float32
    np.testing.assert_array_equal(matrix(frame), frame[list(NAMES)].to_numpy(np.float32))
