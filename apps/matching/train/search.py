"""The search as in serving: the encoder finds candidates in the full table, and the model ranks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.matching.schema import MOST, Availability, Requirement
from apps.matching.serve.collection import keys
from apps.matching.serve.features import tokens
from apps.matching.train.baseline import nearest
from apps.matching.train.encoder import embed
from apps.matching.train.fit import MatchModel
from apps.matching.train.pairs import availabilities, availability_pool, contents, flat, requirements
from serving.kernel.storage.version_manifest import Metric
from training.measures.classification import gain_interval
from training.measures.evaluate import beside
from training.recipe import Split

__all__ = ["allowed", "candidates", "ranking", "search_metrics"]

Vector = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

SEED = 7


def search_metrics(model: MatchModel, split: Split) -> list[Metric]:
    """Return hits among all availabilities of all parts; a match outside the candidates is a miss.

    The baseline ranks by letter TF-IDF. The rules apply to both rankings.
    """
    every = pd.concat([split.train, split.validation, split.test])
    pool = availability_pool([every])
    asked = split.test[split.test["label"] == 1].drop_duplicates("requirement")
    left = requirements(asked)
    mask = allowed(left, pool)
    near = candidates(model, left, pool, mask)
    ranked, base = ranking(model, left, pool, near, mask), nearest(left, pool, MOST, mask)
    truth = _truth(every, asked["requirement"], pool)
    part = f"full table of {len(pool)}"
    rows = [("hit_at_1", ranked, 1), ("hit_at_5", ranked, 5), ("in_shortlist", near, MOST)]
    return [_hit_metric(name, order[:, :depth], base[:, :depth], truth, part) for name, order, depth in rows]


def candidates(
    model: MatchModel, left: Sequence[Requirement], right: Sequence[Availability], mask: Mask
) -> Places:
    """Return the positions in `right` of the nearest to each of `left`, nearest first, as the store does."""
    similar = embed(model, tokens(left)) @ embed(model, tokens(right)).T
    order: Places = np.argsort(-np.where(mask, similar, -2), axis=1, kind="stable")[:, :MOST]
    return order


def ranking(
    model: MatchModel, left: Sequence[Requirement], right: Sequence[Availability], near: Places, mask: Mask
) -> Places:
    """Return the candidates by score, best first; those that a rule excludes come last."""
    wanted = [one for one, row in zip(left, near, strict=True) for _ in row]
    score = model.score(flat(wanted, [right[place] for row in near for place in row])).reshape(near.shape)
    score = np.where(np.take_along_axis(mask, near, axis=1), score, -1)
    return np.take_along_axis(near, np.argsort(-score, axis=1, kind="stable"), axis=1)


def allowed(left: Sequence[Requirement], right: Sequence[Availability]) -> Mask:
    """Return which pairs no rule excludes, [left, right]."""
    mask = np.ones((len(left), len(right)), dtype=bool)
    for one, other in zip(zip(*map(keys, left), strict=True), zip(*map(keys, right), strict=True), strict=True):
        wanted, offered = np.array(one, dtype=object)[:, None], np.array(other, dtype=object)[None, :]
        stated = (wanted != np.array(None)) & (offered != np.array(None))
        mask &= ~stated | (wanted == offered)
    return mask


def _hit_metric(name: str, found: Places, base: Places, truth: list[set[int]], part: str) -> Metric:
    hits, others = _hits(found, truth), _hits(base, truth)
    gain = gain_interval(_mean, np.ones(len(hits)), hits, others, np.arange(len(hits)), SEED)
    return beside(name, _mean, hits, hits, others, part, better="higher", gain=gain)


def _truth(every: pd.DataFrame, asked: pd.Series[Any], pool: Sequence[Any]) -> list[set[int]]:
    """Return the positions of each requirement's matches in the pool."""
    places = {contents(one): place for place, one in enumerate(pool)}
    matches = every[every["label"] == 1]
    found: dict[str, set[int]] = {}
    for name, one in zip(matches["requirement"], availabilities(matches), strict=True):
        found.setdefault(name, set()).add(places[contents(one)])
    return [found[name] for name in asked]


def _hits(order: Places, truth: list[set[int]]) -> npt.NDArray[np.float64]:
    hits = [bool(right & set(row.tolist())) for row, right in zip(order, truth, strict=True)]
    return np.array(hits, dtype=np.float64)


def _mean(_: Vector, hits: Vector) -> float:
    return float(hits.mean())
