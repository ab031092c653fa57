"""What one column alone gives away: whether it numbers the rows, and how well it predicts the target by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "FEW_VALUES",
    "LEAST_ROWS",
    "MOST_CLASSES",
    "classes_of",
    "correlation",
    "evenly_spread",
    "f1_of",
    "numbers_the_rows",
    "one_column_f1",
    "one_word_f1",
    "separation",
]

LEAST_ROWS = 50
"""With fewer rows, a column that counts 1, 2, 3, ... or follows the target may be chance."""
MOST_CLASSES = 32
"""A target with more distinct values is a quantity."""
FEW_VALUES = 50
"""Up to so many distinct values, a column is read as a list of categories."""
ROWS_PER_VALUE = 10
"""Minimum mean number of rows for each category."""
EVENLY_USED = 0.5
"""Least number of values that equally frequent ones would need to be equal in as many pairs of rows, as a share.

Days and buckets reach it. Measurements that honestly say nearly everything, in the sets `http` and `shuttle`, have
a few values in most rows and reach a third.
"""
MISSED_TWINS = 12.0
"""An identifier has no equal values where values drawn at random would have at least so many equal pairs."""
OFF_GRID = 1e-3
EVEN = 0.6
"""Largest distance of the ranks from a straight line, relative to the root of their number, that counts as even.

Half of all samples of a uniform distribution are more even, nearly all of row numbers with noise, and no
measurement of the real sets, where the smallest distance is 2.0 in 569 rows.
"""
TAIL = 0.05
"""Share of the values at each end that does not count: noise thins it out."""
VOTES = (3.0, 2.0, 1.0)
"""Weights of the nearest neighbour on each side, of the second and of the third."""
WORD = r"\w+"
NEARER = 0.5
"""Additional weight of the nearer of the two nearest neighbours."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def numbers_the_rows(values: Floats) -> bool:
    """Whether the values identify the rows: all differ, and rise or fall with the rows or lie on a narrow grid.

    A grid is narrow when as many values drawn from it at random would often be equal, as the numbers 1 to n in
    any order would. Missing values are left out.
    """
    values = values[np.isfinite(values)]
    ordered = np.unique(values)
    if len(values) < LEAST_ROWS or len(ordered) < len(values):
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return True
    with np.errstate(all="ignore"):
        places = (ordered - ordered[0]) / np.diff(ordered).min()
        # No distribution on so many places has fewer equal pairs than the uniform one.
        twins = len(values) * (len(values) - 1) / (2 * (places[-1] + 1))
        off = np.abs(places - np.round(places)).max()
    return bool(twins >= MISSED_TWINS and off < OFF_GRID)


def evenly_spread(values: Floats) -> bool:
    """Whether the values are spread as evenly as the numbers of rows, perhaps with noise."""
    ordered = np.sort(values[np.isfinite(values)])
    cut = int(TAIL * len(ordered))
    inner = ordered[cut : len(ordered) - cut] if len(ordered) >= LEAST_ROWS else ordered[:0]
    if len(inner) == 0 or inner[-1] <= inner[0]:
        return False
    with np.errstate(all="ignore"):
        places = (inner - inner[0]) / (inner[-1] - inner[0])
    if not np.isfinite(places).all():
        return False
    ranks = np.arange(len(inner), dtype=np.float64)
    off = ranks - np.polyval(np.polyfit(places, ranks, 1), places)
    return bool(np.abs(off).max() <= EVEN * np.sqrt(len(inner)))


def classes_of(target: pd.Series[Any]) -> Codes | None:
    """The target as codes from 0 if it has few classes; None for a quantity, or for a single class."""
    codes, names = pd.factorize(target, sort=False)
    if not 2 <= len(names) <= MOST_CLASSES or len(target) < ROWS_PER_VALUE * len(names) or (codes < 0).any():
        return None
    return codes.astype(np.intp)


def one_column_f1(column: pd.Series[Any], classes: Codes) -> float:
    """Macro-F1 of the classes predicted from one column alone, 0 to 1; higher is better.

    A column of few values predicts the most frequent class of each value. One of many values, all of them in many
    rows, predicts a row by the other rows with its value: days or buckets of one class are found in any order.
    In a column of many numbers, each distinct number is predicted from the three next ones on both sides, so rows
    with equal numbers do not predict each other. Text in few rows predicts nothing.
    """
    known = column.notna().to_numpy()
    scores = [_by_value(known.astype(np.intp), classes)] if not known.all() else []
    codes, names = pd.factorize(column, use_na_sentinel=False)
    if len(names) <= FEW_VALUES and len(column) >= ROWS_PER_VALUE * len(names):
        return max(*scores, _by_value(codes, classes)) if scores else _by_value(codes, classes)
    if len(column) >= ROWS_PER_VALUE * len(names) and _evenly_used(codes):
        scores.append(_by_other_rows(codes, classes))
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64)
        finite = np.isfinite(values)
        # Known values of one class only would be predicted without an error.
        if len(np.unique(classes[finite])) == int(classes.max()) + 1:
            scores.append(_by_neighbours(values[finite], classes[finite]))
    return max(scores, default=0.0)


def one_word_f1(texts: Iterable[str], classes: Codes) -> tuple[float, str]:
    """The macro-F1 of two classes told apart by whether a text has one certain word, and the best such word."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, token_pattern=WORD)
    try:
        found = counter.fit_transform(texts)
    except ValueError:  # no text has a word
        return 0.0, ""
    ones = int((classes == 1).sum())
    zeros = len(classes) - ones
    true = np.asarray(found[classes == 1].sum(axis=0)).reshape(-1).astype(np.float64)
    false = np.asarray(found[classes != 1].sum(axis=0)).reshape(-1).astype(np.float64)
    scores = np.maximum(_f1_of_two(true, false, ones, zeros), _f1_of_two(ones - true, zeros - false, ones, zeros))
    best = int(scores.argmax())
    return float(scores[best]), str(counter.get_feature_names_out()[best])


def correlation(column: Floats, target: Floats) -> float:
    """The larger of the absolute correlations of the values and of their ranks; 0 where one does not vary."""
    known = np.isfinite(column) & np.isfinite(target)
    if known.sum() < LEAST_ROWS or np.ptp(column[known]) == 0 or np.ptp(target[known]) == 0:
        return 0.0
    pair = column[known].astype(np.float64), target[known].astype(np.float64)
    ranks = [pd.Series(one).rank().to_numpy() for one in pair]
    with np.errstate(over="ignore", invalid="ignore"):
        found = [abs(float(np.corrcoef(*two)[0, 1])) for two in (pair, ranks)]
    return max(one for one in (0.0, *found) if np.isfinite(one))


def separation(column: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """AUROC of one column in the better of its two directions, 0.5 to 1; 0.5 where a class is absent."""
    ranks = pd.Series(column).rank().to_numpy()
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return 0.5
    area = (ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    return float(max(area, 1 - area))


def _f1_of_two(true: Floats, false: Floats, ones: int, zeros: int) -> Floats:
    """Macro-F1 from the numbers of rows of class 1 and 0 that are taken for class 1."""
    wrong = false + ones - true
    right = zeros - false
    with np.errstate(invalid="ignore"):
        parts = 2 * true / (2 * true + wrong), 2 * right / (2 * right + wrong)
    found: Floats = (np.nan_to_num(parts[0]) + np.nan_to_num(parts[1])) / 2
    return found


def _by_value(codes: npt.NDArray[np.intp], classes: Codes) -> float:
    width = int(classes.max()) + 1
    counts = np.bincount(codes * width + classes, minlength=(int(codes.max()) + 1) * width).reshape(-1, width)
    return f1_of(classes, counts.argmax(axis=1)[codes])


def _evenly_used(codes: npt.NDArray[np.intp]) -> bool:
    shares = np.bincount(codes) / len(codes)
    return bool(1 / np.sum(shares**2) >= EVENLY_USED * len(shares))


def _by_other_rows(codes: npt.NDArray[np.intp], classes: Codes) -> float:
    """Each row by the others with its value, and by all other rows where it is the only one."""
    rows = np.arange(len(classes))
    width = int(classes.max()) + 1
    counts = np.bincount(codes * width + classes, minlength=(int(codes.max()) + 1) * width).reshape(-1, width)
    others = counts[codes]
    others[rows, classes] -= 1
    alone = others.sum(axis=1) == 0
    others[alone] = np.bincount(classes, minlength=width)
    return f1_of(classes, others.argmax(axis=1))


def _by_neighbours(values: Floats, classes: Codes) -> float:
    if len(values) < LEAST_ROWS:
        return 0.0
    order = np.lexsort((classes, values))
    values, classes = values[order], classes[order]
    fresh = np.r_[True, (np.diff(values) != 0) | (np.diff(classes) != 0)]
    values, classes = values[fresh], classes[fresh]
    if len(values) < LEAST_ROWS:
        return 0.0
    own = np.eye(int(classes.max()) + 1)[classes]
    votes = np.zeros_like(own)
    for away, weight in enumerate(VOTES, 1):
        votes[away:] += weight * own[:-away]
        votes[:-away] += weight * own[away:]
    below, above = np.r_[np.inf, np.diff(values)], np.r_[np.diff(values), np.inf]
    # An equal number is of another class: it says nothing about which side is nearer.
    near = (below > 0) & (above > 0)
    votes[1:] += NEARER * own[:-1] * (near & (below < above))[1:, None]
    votes[:-1] += NEARER * own[1:] * (near & (above < below))[:-1, None]
    return f1_of(classes, votes.argmax(axis=1))


def f1_of(actual: Codes, found: Codes) -> float:
    """Macro-F1 of codes from 0, as in `training.measures`, which imports what imports this package."""
    count = int(max(actual.max(), found.max())) + 1
    both = np.bincount(actual, minlength=count) + np.bincount(found, minlength=count)
    right = np.bincount(actual[actual == found], minlength=count)
    return float((2 * right[both > 0] / both[both > 0]).mean())
