"""The naive baseline: cosine similarity of TF-IDF weighted letter n-grams; it needs no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import precision_recall_curve

from apps.matching.schema import Availability, Requirement
from apps.matching.train.pairs import text_of

__all__ = ["best_threshold", "nearest", "similarities", "vectorizer"]

Vector = npt.NDArray[Any]
GRAMS = (2, 4)


def vectorizer(texts: Sequence[str]) -> TfidfVectorizer:
    """Return a vectorizer fitted on texts, without labels."""
    return _unfitted().fit(texts)


def _unfitted() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, sublinear_tf=True)


def similarities(
    left: Sequence[Requirement], right: Sequence[Availability], fitted: TfidfVectorizer
) -> npt.NDArray[np.float64]:
    """Return the cosine of each pair [m]."""
    one, other = (_transformed([text_of(side) for side in sides], fitted) for sides in (left, right))
    found: npt.NDArray[np.float64] = np.asarray(one.multiply(other).sum(axis=1)).reshape(-1)
    return found


def nearest(
    left: Sequence[Requirement],
    right: Sequence[Availability],
    count: int,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.intp]:
    """Return the positions in `right` of the `count` nearest to each of `left`, nearest first, by exact search.

    Pairs that are not `allowed` [left, right] come last.
    """
    wanted, offered = [text_of(side) for side in left], [text_of(side) for side in right]
    # Cutting texts into grams takes most of the time, so each is cut once.
    every = _unfitted().fit_transform([*wanted, *offered])
    one, other = every[: len(wanted)], every[len(wanted) :]
    cosines = (one @ other.T).toarray()
    if allowed is not None:
        cosines = np.where(allowed, cosines, -1)
    order: npt.NDArray[np.intp] = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return order


def _transformed(texts: Sequence[str], fitted: TfidfVectorizer) -> Any:
    """Return the vector of each text; a text of several pairs is cut into grams once."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return fitted.transform(list(places))[[places[text] for text in texts]]


def best_threshold(actual: Vector, score: Vector) -> float:
    """Return the threshold with the best F1 for `score >= threshold`, midway between two scores of validation."""
    precision, recall, at = precision_recall_curve(actual, score)
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], 1e-12)
    place = int(f1.argmax())
    below = at[place - 1] if place else at[place]
    return float((at[place] + below) / 2)
