"""Tables of labelled records: known layouts, the schema, and a split that keeps each record in one part."""

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
"""Accepted names of the label column, case-insensitive."""
FORBIDDEN = tuple(name for name in LABELS if name != LABEL)

VALIDATION, TEST = 0.2, 0.3
"""Shares of the normal records; the others are for training."""
LEAST_ANOMALIES = 10
"""Minimum number of anomalies in a table."""
BUDGET = 0.01
"""Default of `--budget`: the share of normal records that may cause an alert."""
LARGEST_BUDGET = 0.2
MADE_UP, MIXED = 0.05, 0.5
"""Synthetic anomalies as a share of the records of a search, and their share of features from another record."""

SCHEMA = pa.DataFrameSchema(
    {
        LABEL: pa.Column("int64", pa.Check.isin([0, 1])),
        f"^(?!{LABEL}$).*$": pa.Column(
            float, pa.Check.between(-LARGEST, LARGEST), nullable=True, regex=True, coerce=True
        ),
    }
)
"""The tidy table: a label, and one numeric column per feature."""


def tidy(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    """Return the label as `anomaly` and every other column as numbers. All rows stay, including duplicates.

    `attrs["alert_budget"]` keeps `--budget`. Every column is used. Raises `DataError`.
    """
    name = _label_column(raw, options.select.get("label", ""))
    labels = pd.to_numeric(raw[name], errors="coerce")
    _refuse(raw[name], ~labels.isin([0, 1]), "0 for a normal record or 1 for an anomaly")
    names = [str(column) for column in raw.columns if column != name]
    if not 1 <= len(names) <= MAX_FEATURES:
        raise DataError(f"the table has {len(names)} features; expected 1 to {MAX_FEATURES}")
    if LABEL in names or any(not 1 <= len(column) <= 64 for column in names):
        raise DataError(f"feature names must have 1 to 64 characters and must not be {LABEL!r}")
    columns: dict[str, Any] = {LABEL: labels.astype("int64")}
    for column in names:
        numbers = pd.to_numeric(raw[column], errors="coerce")
        _refuse(
            raw[column], numbers.isna() & raw[column].notna(), "a number or an empty cell; encode text as numbers"
        )
        # Integers stay integers until the schema check, which detects row-number columns by their integer type.
        columns[column] = numbers
    frame = pd.DataFrame(columns, index=raw.index)
    frame.attrs["alert_budget"] = _budget(options.select.get("budget", ""))
    frame.attrs["unused"] = []
    return frame


def features_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the features, in the order of the model's slots."""
    return tuple(str(name) for name in frame.columns if name != LABEL)


def matrix(frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Return the features, FP32 [n, d]."""
    return frame[list(features_of(frame))].to_numpy(dtype=np.float32)


def record_of(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a number per row; rows with equal features get equal numbers, whatever their labels."""
    hashed = pd.util.hash_pandas_object(frame[list(features_of(frame))], index=False)
    return np.asarray(hashed, dtype=np.uint64)


def cut(frame: pd.DataFrame, left: float = 1.0) -> Split:
    """Split the normal records: half to train, a fifth to validation, the rest and all anomalies to test.

    Rows with equal features are one record and stay together. The majority label of a record decides its part; in
    the test part, each row keeps its own label. Validation contains no anomalies because a detector of this kind
    is used where none are known. If the records were split before, `left` is the share that did not go to the test
    part. Raises `DataError`.
    """
    record, odd = record_of(frame), frame[LABEL].to_numpy() == 1
    anomalous = _mostly(odd, record)
    count = int((odd & anomalous).sum())
    if count < LEAST_ANOMALIES:
        raise DataError(f"the table has {count} anomalies; at least {LEAST_ANOMALIES} are needed to test a model")
    # The hash serves as the random draw, so a record keeps its part when the table grows.
    draw = (record >> np.uint64(11)).astype(np.float64) / 2**53
    draw = np.where(anomalous, 0.0, 1 - (1 - draw) / left)
    validation = (draw >= TEST) & (draw < TEST + VALIDATION)
    test = frame[draw < TEST]
    # Training and validation drop stray anomaly labels of records that are mostly normal.
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
    """Return the split of a parameter search, from the normal records that `cut` assigned before its test part.

    None of these records is an anomaly, and a search must not see the test part. Synthetic anomalies are used
    instead: normal records with half of their features from another record, so that each value is usual but the
    combination is not. Raises `DataError`.
    """
    normal = frame[frame[LABEL] == 0]
    draw = np.random.default_rng(0)
    count = max(LEAST_ANOMALIES, int(MADE_UP * len(normal)))
    own, other = (normal.iloc[draw.integers(0, len(normal), count)] for _ in range(2))
    mixed = draw.random((count, len(features_of(frame)))) < MIXED
    made_up = own.assign(**{LABEL: 1}).set_axis(range(-count, 0))
    for column, taken in zip(features_of(frame), mixed.T, strict=True):
        made_up[column] = np.where(taken, other[column].to_numpy(), own[column].to_numpy())
    # If a mix equals a normal record, the test part would take that record's rows.
    made_up = made_up[~np.isin(record_of(made_up), record_of(normal))]
    joined = pd.concat([normal, made_up])
    joined.attrs = dict(frame.attrs)
    return cut(joined, left=1 - TEST)


def _mostly(odd: npt.NDArray[np.bool_], record: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Return, for each row, whether at least half of the rows of its record are anomalies."""
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
            f"{_names(raw)}; select it with --label and remove the others"
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
