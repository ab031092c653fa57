"""Two columns of the table that give the target away together, though each alone looks like a measurement."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.fit.alone import LEAST_ROWS, f1_of

__all__ = ["LEAST_OTHERS", "Few", "few_columns", "parts_of"]

ROWS = 1200
"""Up to about so many rows are looked at, equally many of each class where there are enough."""
TREES, LEAST_LEAF, TRIED = 40, 2, 8
MOST = 3
"""Columns that are tried alone and in pairs: those that trees split by most."""
TOGETHER = 0.95
"""The least macro-F1 of two columns that are suspicious."""
TIMES = 1.5
"""How many times as many errors all the others together must make."""
LEAST_OTHERS = 3
"""With fewer other columns, two good measurements honestly say nearly everything, as in the set of irises."""
BETTER = 0.03
"""How much better than all the others they must be at least: both may be nearly perfect."""
PARTS = 0.9999
"""The share of a quantity's variance from which on the best weighted sum of two columns is the quantity."""
KNOWN = 0.9
"""The least share of known values of a column that may be part of a sum."""
TINY = 1e-9
LARGEST = 1e30
SEED = 11

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Places = tuple[int, ...]


@dataclass(frozen=True)
class Few:
    """One or two columns, and the macro-F1 of the classes predicted from them and from all others."""

    columns: tuple[str, ...]
    score: float
    others: float


def few_columns(numbers: pd.DataFrame, classes: Codes) -> Few | None:
    """The column, or the two, that predict the classes far better than all the others together.

    What is predicted of a row is what trees say that were grown without it. None if there is no such pair.
    """
    names = [str(name) for name in numbers.columns]
    if len(numbers) < LEAST_ROWS or len(names) < 2 + LEAST_OTHERS:
        return None
    chosen = _spread(classes)
    table, truth = numbers.to_numpy(np.float64)[chosen], classes[chosen]
    # The table is not validated yet, and trees take numbers of 32 bits.
    table = np.clip(np.where(np.isfinite(table), table, np.nan), -LARGEST, LARGEST)
    for candidates in _candidates(table, truth):
        scores = {few: _predicted(_with_sums(table[:, list(few)], truth), truth)[0] for few in candidates}
        for few in sorted(scores, key=lambda few: -scores[few]):
            score = scores[few]
            if score < TOGETHER:
                break
            others = _predicted(np.delete(table, few, axis=1), truth)[0]
            if 1 - others >= TIMES * (1 - score) and score - others >= BETTER:
                return Few(tuple(names[place] for place in few), score, others)
    return None


def parts_of(numbers: pd.DataFrame, target: Floats) -> Iterator[tuple[str, str]]:
    """Yield the pairs of columns whose weighted sum is the target, a quantity; neither alone follows it."""
    known = numbers.replace((np.inf, -np.inf), np.nan)
    known = known.loc[:, known.notna().mean() >= KNOWN]
    if known.shape[1] < 2:  # without columns, pandas also forgets the rows
        return
    whole = known.notna().all(axis=1).to_numpy() & np.isfinite(target)
    known, target = known[whole], target[whole]
    known = known.loc[:, known.nunique() > 1]
    if len(known) < LEAST_ROWS or np.ptp(target) == 0:
        return
    names = [str(name) for name in known.columns]
    same = np.corrcoef(np.column_stack([known.to_numpy(np.float64), target]).T)
    for first, second in combinations(range(len(names)), 2):
        one, two, both = same[first, -1], same[second, -1], same[first, second]
        if max(abs(one), abs(two)) ** 2 < PARTS and abs(both) < 1 - 1e-9:
            share = (one**2 + two**2 - 2 * one * two * both) / (1 - both**2)
            if share >= PARTS:
                yield names[first], names[second]


def _candidates(table: Floats, truth: Codes) -> Iterator[list[Places]]:
    """Yield the columns that trees split by most, then their pairs, then the pair with the clearest sum."""
    every, weights = _predicted(table, truth)
    best = sorted(int(place) for place in np.argsort(-weights, kind="stable")[:MOST])
    if every >= TOGETHER:
        yield [(place,) for place in best]
        yield list(combinations(best, 2))
    yield _clearest(_filled(table), truth)


def _clearest(table: Floats, truth: Codes) -> list[Places]:
    """The pair, if there is one, with the smallest share of variance within the classes (Wilks' lambda)."""
    means = np.array([table[truth == code].mean(axis=0) for code in range(int(truth.max()) + 1)])
    whole, within = (np.cov(rows, rowvar=False) for rows in (table, table - means[truth]))

    def volumes(scatter: Floats) -> Floats:
        spread = np.diag(scatter)
        found: Floats = np.outer(spread, spread) - np.square(scatter)
        return found

    all_pairs = volumes(whole)
    known = np.triu(all_pairs > TINY * np.outer(np.diag(whole), np.diag(whole)), 1)
    share = np.divide(volumes(within), all_pairs, out=np.full_like(all_pairs, np.inf), where=known)
    pair = tuple(int(place) for place in np.unravel_index(share.argmin(), share.shape))
    return [pair] if known[pair] else []


def _with_sums(table: Floats, truth: Codes) -> Floats:
    """A pair of columns and their weighted sums that tell the classes apart best."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    filled = _filled(table)
    if table.shape[1] < 2 or (np.ptp(filled, axis=0) == 0).any():
        return table
    return np.hstack([table, LinearDiscriminantAnalysis().fit(filled, truth).transform(filled)])


def _filled(table: Floats) -> Floats:
    """The columns in units of their spread, with medians for gaps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a value
        filled = np.where(np.isnan(table), np.nan_to_num(np.nanmedian(table, axis=0)), table)
    spread = filled.std(axis=0)
    made: Floats = (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return made


def _spread(classes: Codes) -> npt.NDArray[np.intp]:
    """The places of rows all over the table, of each class up to equally many."""
    most = ROWS // (int(classes.max()) + 1)
    found = [np.flatnonzero(classes == code) for code in range(int(classes.max()) + 1)]
    return np.sort(np.concatenate([one[:: max(1, -(-len(one) // most))] for one in found]))


def _predicted(table: Floats, classes: Codes) -> tuple[float, Floats]:
    """The macro-F1 of trees in rows that they were not grown on, and the weight of each column in them."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        TREES,
        min_samples_leaf=LEAST_LEAF,
        max_features=min(TRIED, table.shape[1]),
        oob_score=True,
        random_state=SEED,
    ).fit(table, classes)
    votes = forest.oob_decision_function_
    return f1_of(classes, votes.argmax(axis=1)), forest.feature_importances_
