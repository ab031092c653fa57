"""Convert rows of the tidy table to the arrays of the feature functions, including histories.

If the table names suppliers, a lot's history contains the supplier's earlier lots, in the order of the file.
Otherwise, a stand-in supplier delivers one grade, and the history is drawn from lots of that grade in train.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.quality.schema import QualityContext
from apps.quality.serve.columns import LEAST_HISTORY, MOST_HISTORY
from apps.quality.serve.features import MAD_TO_DEVIATION, Lots, medians
from apps.quality.train.data import grades_of, measurements, suppliers_known

__all__ = ["ALARM_SHARE", "alone", "context_of", "hidden", "pick", "stand_ins", "with_history"]

Floats = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]

ALARM_SHARE = 0.02
LENGTHS = (LEAST_HISTORY, 12, 20, 30, MOST_HISTORY)
"""Known lengths of a stand-in supplier's history; all are equally frequent."""
SMALLEST = 1e-9
"""Spread, relative to the size of the values, of a measurement that never varies."""


def context_of(train: pd.DataFrame) -> QualityContext:
    """Return the version's context, from the train part."""
    names = measurements(train)
    grades, values = grades_of(train)
    table = train[list(names)].to_numpy(dtype=np.float64)
    center, spread = _robust(table)
    by = "supplier" if suppliers_known(train) else "grade"
    own = [_robust(part)[1] for part in _parts(train, by, names)]
    usual = [
        np.nanquantile(part, [0.05, 0.95], axis=0).T.tolist()
        for part in (np.where(np.isnan(one), center, one) for one in _parts(train, "grade", names, grades))
    ]
    return QualityContext(
        features=names,
        grades=grades,
        values=values,
        center=tuple(center.tolist()),
        spread=tuple(spread.tolist()),
        within=tuple(np.median(own, axis=0).tolist()),
        usual=tuple(tuple((low, high) for low, high in grade) for grade in usual),
        alarm_share=ALARM_SHARE,
    )


def alone(frame: pd.DataFrame) -> Lots:
    """Return the lots without any history."""
    values = frame[list(measurements(frame))].to_numpy(dtype=np.float64)
    return Lots(values, np.full((len(frame), 0, values.shape[1]), np.nan), np.zeros(len(frame), dtype=np.intp))


def with_history(frame: pd.DataFrame, train: pd.DataFrame, seed: int) -> Lots:
    """Return the lots with the earlier deliveries of their supplier or of a stand-in."""
    if suppliers_known(train):
        return pick(frame, frame, _earlier(frame["supplier"].to_numpy()))
    return stand_ins(frame, train, frame["grade"].to_numpy(), seed)


def stand_ins(frame: pd.DataFrame, train: pd.DataFrame, delivers: npt.NDArray[Any], seed: int) -> Lots:
    """Return the lots with histories of 8 to 50 lots of the grade that each lot's stand-in supplier `delivers`."""
    rng = np.random.default_rng(seed)
    picks = np.full((len(frame), MOST_HISTORY), -1, dtype=np.intp)
    graded, labels = train["grade"].to_numpy(), train.index.to_numpy()
    for grade in np.unique(delivers):
        rows = np.flatnonzero(delivers == grade)
        picks[rows] = rng.choice(np.flatnonzero(graded == grade), (len(rows), MOST_HISTORY))
    # A lot of the train part must not be in its own history.
    picks[labels[picks] == frame.index.to_numpy()[:, None]] = -1
    picks[np.arange(MOST_HISTORY) >= rng.choice(LENGTHS, len(frame))[:, None]] = -1
    return pick(frame, train, picks)


def pick(frame: pd.DataFrame, source: pd.DataFrame, picks: Picks) -> Lots:
    """Return the lots with the rows of `source` at `picks` [n, lots] as history; -1 means none."""
    names = list(measurements(frame))
    table = np.vstack([source[names].to_numpy(dtype=np.float64), np.full(len(names), np.nan)])
    values = frame[names].to_numpy(dtype=np.float64)
    return Lots(values, table[picks], (picks >= 0).sum(axis=1))


def hidden(lots: Lots, share: float, seed: int) -> Lots:
    """Return the lots with a random share of their measurements missing, but never more than half of a lot."""
    rng = np.random.default_rng(seed)
    draw = rng.random(lots.values.shape)
    gone = (draw < share) & (draw.argsort(axis=1).argsort(axis=1) < lots.values.shape[1] // 2)
    return Lots(np.where(gone, np.nan, lots.values), lots.history, lots.known)


def _earlier(suppliers: npt.NDArray[Any]) -> Picks:
    """Return [n, 50] positions of the latest earlier rows of each row's supplier, -1 if there are fewer."""
    picks = np.full((len(suppliers), MOST_HISTORY), -1, dtype=np.intp)
    for supplier in np.unique(suppliers):
        rows = np.flatnonzero(suppliers == supplier)
        back = np.arange(len(rows))[:, None] - np.arange(1, MOST_HISTORY + 1)
        picks[rows] = np.where(back >= 0, rows[np.maximum(back, 0)], -1)
    return picks


def _parts(frame: pd.DataFrame, by: str, names: tuple[str, ...], order: tuple[str, ...] = ()) -> list[Floats]:
    groups = dict(list(frame.groupby(by)))
    return [groups[name][list(names)].to_numpy(dtype=np.float64) for name in order or groups]


def _robust(table: Floats) -> tuple[Floats, Floats]:
    """Return median and robust standard deviation by column; the plain one if over half the values are equal."""
    center = np.nan_to_num(medians(table[None])[0][0])
    away = medians(np.abs(table - center)[None])[0][0] * MAD_TO_DEVIATION
    plain = np.sqrt(np.nan_to_num(np.square(table - center)).mean(axis=0))
    floor = SMALLEST * np.maximum(np.abs(center), 1.0)
    return center, np.maximum(np.where(away > 0, away, plain), floor)
