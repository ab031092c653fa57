"""Tables of records with a label: the layouts read, the schema, and a split without a record in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from apps.fraud.schema import LARGEST, MAX_FEATURES
from training.data.split import check
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions, Split

__all__ = ["FORBIDDEN", "LABEL", "SCHEMA", "cut", "cut_again", "features_of", "matrix", "record_of", "tidy"]

LABEL = "anomaly"
"""Column of the tidy table: 1 for an anomaly, 0 for a normal record."""
LABELS = ("label", "y", "class", "target", "is_fraud", "fraud", "outlier", "anomaly")
"""Names, in any case, under which a table may bring its label."""
FORBIDDEN = tuple(name for name in LABELS if name != LABEL)

VALIDATION, TEST = 0.2, 0.3
"""Shares of the normal records; the rest is for training."""
LEAST_ANOMALIES = 10
"""Fewest anomalies a table must have to be judged."""
BUDGET = 0.01
"""Share of normal records that may cause an alert, where `--budget` does not say."""
LARGEST_BUDGET = 0.2
MADE_UP, MIXED = 0.05, 0.5
"""Made-up anomalies as a share of the records of a search, and the share of features each takes from another."""

SCHEMA = pa.DataFrameSchema(
    {
        LABEL: pa.Column("int64", pa.Check.isin([0, 1])),
        f"^(?!{LABEL}$).*$": pa.Column(
            float, pa.Check.between(-LARGEST, LARGEST), nullable=True, regex=True, coerce=True
        ),
    }
)
"""The tidy table: a label, and one column of numbers per feature."""


def tidy(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    """The label as `anomaly`, every other column a number. Rows stay as they are, duplicates included.

    `attrs["alert_budget"]` keeps `--budget`. Raises `DataError`.
    """
    name = _label_column(raw, options.select.get("label", ""))
    labels = pd.to_numeric(raw[name], errors="coerce")
    _refuse(raw[name], ~labels.isin([0, 1]), "0 for a normal record or 1 for an anomaly")
    names = [str(column) for column in raw.columns if column != name]
    if not 1 <= len(names) <= MAX_FEATURES:
        raise DataError(f"the table has {len(names)} features; expected 1 to {MAX_FEATURES}")
    if LABEL in names or any(not 1 <= len(column) <= 64 for column in names):
        raise DataError(f"features must be named with 1 to 64 characters, other than {LABEL!r}")
    columns: dict[str, Any] = {LABEL: labels.astype("int64")}
    for column in names:
        numbers = pd.to_numeric(raw[column], errors="coerce")
        _refuse(raw[column], numbers.isna() & raw[column].notna(), "a number or nothing; encode text as numbers")
        # Whole numbers stay whole until the schema has them: a column that counts the rows is found by that.
        columns[column] = numbers
    frame = pd.DataFrame(columns, index=raw.index)
    frame.attrs["alert_budget"] = _budget(options.select.get("budget", ""))
    return frame


def features_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Names of the features, in the order of the model's slots."""
    return tuple(str(name) for name in frame.columns if name != LABEL)


def matrix(frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """The features, FP32 [n, d]."""
    return frame[list(features_of(frame))].to_numpy(dtype=np.float32)


def record_of(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """A number per row; rows with the same features have the same, whatever their label."""
    hashed = pd.util.hash_pandas_object(frame[list(features_of(frame))], index=False)
    return np.asarray(hashed, dtype=np.uint64)


def cut(frame: pd.DataFrame, left: float = 1.0) -> Split:
    """Normal records: half to train on, a fifth for validation, the others and all anomalies for the test.

    Rows with the same features are one record and go together. What most of them say it is decides its part; in
    the test each row keeps its own label. Validation has no anomaly, as none is known where a detector like this
    is needed. Of records that were cut before, `left` is the share that did not go to the test.
    Raises `DataError`.
    """
    record, odd = record_of(frame), frame[LABEL].to_numpy() == 1
    anomalous = _mostly(odd, record)
    count = int((odd & anomalous).sum())
    if count < LEAST_ANOMALIES:
        raise DataError(f"the table has {count} anomalies; at least {LEAST_ANOMALIES} are needed to judge a model")
    # Hashes are as good as random numbers, and a record keeps its part when others come.
    draw = (record >> np.uint64(11)).astype(np.float64) / 2**53
    draw = np.where(anomalous, 0.0, 1 - (1 - draw) / left)
    validation = (draw >= TEST) & (draw < TEST + VALIDATION)
    test = frame[draw < TEST]
    # A stray label of a record that is normal in most of its rows says nothing here.
    train, held = (frame[part].assign(**{LABEL: 0}) for part in (draw >= TEST + VALIDATION, validation))
    description = {
        "kind": "group",
        "column": "records with the same features",
        "rows": {"train": len(train), "validation": len(held), "test": len(test)},
        "repeated": int(len(frame) - len(np.unique(record))),
        "prevalence": {"all": float(frame[LABEL].mean()), "test": float(test[LABEL].mean())},
        "alert_budget": frame.attrs.get("alert_budget"),
    }
    return check(Split(train=train, validation=held, test=test, description=description))


def cut_again(frame: pd.DataFrame) -> Split:
    """The split of a search, of normal records that `cut` left before its test.

    None of them is an anomaly, and those of the test must not be seen. Made-up ones stand in: normal records that
    have half of their features from another record, each value usual and their company not. Raises `DataError`.
    """
    normal = frame[frame[LABEL] == 0]
    draw = np.random.default_rng(0)
    count = max(LEAST_ANOMALIES, int(MADE_UP * len(normal)))
    own, other = (normal.iloc[draw.integers(0, len(normal), count)] for _ in range(2))
    mixed = draw.random((count, len(features_of(frame)))) < MIXED
    made_up = own.assign(**{LABEL: 1}).set_axis(range(-count, 0))
    for column, taken in zip(features_of(frame), mixed.T, strict=True):
        made_up[column] = np.where(taken, other[column].to_numpy(), own[column].to_numpy())
    # A mix that is a normal record again would take that record's rows to the test.
    made_up = made_up[~np.isin(record_of(made_up), record_of(normal))]
    joined = pd.concat([normal, made_up])
    joined.attrs = dict(frame.attrs)
    return cut(joined, left=1 - TEST)


def _mostly(odd: npt.NDArray[np.bool_], record: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """For each row, whether at least half of the rows with its record are odd."""
    _, which, copies = np.unique(record, return_inverse=True, return_counts=True)
    mostly: npt.NDArray[np.bool_] = 2 * np.bincount(which, weights=odd) >= copies
    return mostly[which]


def _label_column(raw: pd.DataFrame, wanted: str) -> str:
    if wanted:
        if wanted not in raw.columns:
            raise DataError(f"--label {wanted}: there is no such column; the table has {_names(raw)}")
        return wanted
    found = [str(name) for name in raw.columns if str(name).lower() in LABELS]
    if len(found) != 1:
        raise DataError(
            f"expected one label column named {', '.join(LABELS)}, found {', '.join(found) or 'none'} among "
            f"{_names(raw)}; name it with --label and drop the others"
        )
    return found[0]


def _names(raw: pd.DataFrame) -> str:
    return ", ".join(map(str, raw.columns))


def _budget(text: str) -> float:
    if not text:
        return BUDGET
    try:
        budget = float(text)
    except ValueError:
        budget = 0.0
    if not 0 < budget <= LARGEST_BUDGET:
        raise DataError(
            f"--budget {text}: expected a share of normal records above 0 and at most {LARGEST_BUDGET}"
        )
    return budget


def _refuse(column: pd.Series[Any], wrong: pd.Series[Any], wanted: str) -> None:
    if wrong.any():
        where = int(wrong.to_numpy().argmax())
        raise BadValue(int(column.index[where]), str(column.name), column.iloc[where], wanted)
