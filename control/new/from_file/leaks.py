"""Columns that give the label away: a training would refuse the table, so the app does not have them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from control.errors import NewAppError
from control.new.from_file.columns import Column, stripped
from training.data.leaks import told_alone
from training.fit.alone import LEAST_ROWS, classes_of
from training.fit.leakage import too_good

__all__ = ["without_leaks"]


def without_leaks(
    frame: pd.DataFrame, target: pd.Series[Any], columns: Sequence[Column], allowed: Collection[str]
) -> list[Column]:
    """The columns, those useless that alone predict the target implausibly well; `allowed` ones are not looked at.

    Raises `NewAppError` for an allowed column that does not exist.
    """
    unknown = [name for name in allowed if name not in {column.name for column in columns}]
    if unknown:
        there = ", ".join(column.name for column in columns)
        raise NewAppError(f"--allow-column {unknown[0]}: there is no such column; the file has: {there}")
    if len(frame) < LEAST_ROWS:
        return list(columns)
    classes = classes_of(target)
    is_class = classes is not None or not pd.api.types.is_numeric_dtype(target)
    codes = (pd.factorize(target, sort=True)[0] if is_class else target.to_numpy()).astype(np.float64)
    found = []
    for column in columns:
        reason = ""
        if column.role in ("number", "category") and column.name not in allowed:
            values = _as_trained(frame[column.name], column)
            reason = told_alone(values, target, classes)
            if not reason and column.role == "number":
                measure = too_good(values.to_numpy(np.float64), codes)
                reason = f"alone predicts {target.name!r} implausibly well ({measure})" if measure else ""
        way = f"--allow-column {shlex.quote(column.name)} keeps it"
        found.append(replace(column, role="useless", why=f"it {reason}; {way}") if reason else column)
    return found


def _as_trained(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.role == "number":
        return pd.to_numeric(values, errors="coerce").astype(float)
    return stripped(values.dropna()).reindex(values.index)
