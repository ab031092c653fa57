"""Fitting: token weights, hard negatives, the network, its calibration and the threshold."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional

from apps.matching.serve.tokens import VOCABULARY
from apps.matching.train.baseline import best_threshold, nearest
from apps.matching.train.network import MatchNetwork, columns_of
from apps.matching.train.pairs import availabilities, availability_pool, contents, flat, requirements
from serving.kernel.scores import sigmoid
from serving.kernel.tensors import Arrays
from training.fit.trainer import Trainer
from training.recipe import Split

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "DEFAULTS",
    "PARAMS",
    "MatchModel",
    "fit_model",
    "hard_negatives",
    "network_inputs",
    "pair_loss",
    "space",
]

Floats = npt.NDArray[np.float32]

HARD = 5
"""Hard negatives per matched requirement of the train part: its nearest availabilities that do not match."""
EPOCHS = 12
PATIENCE = 4
CONTRAST, MARGIN = 0.2, 0.4
"""Weight of the contrastive loss, and the cosine below which pairs that do not match add no loss."""
SCORED = 4096
DEFAULTS: dict[str, Any] = {
    "hard_negatives": HARD,
    "hard_weight": 0.5,
    "batch": 256,
    "rate": 2e-3,
    "decay": 0.05,
}
"""Default search parameters. The weight of the contrastive loss is fixed so that losses stay comparable."""
PARAMS: dict[str, Any] = {"epochs": EPOCHS, "patience": PATIENCE, "contrast": CONTRAST}
"""Fixed parameters recorded with a run."""


@dataclass(frozen=True)
class MatchModel:
    """The fitted network, its calibration (logit to log odds) and the threshold on the score."""

    network: MatchNetwork
    slope: float
    offset: float
    threshold: float

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with PyTorch and NumPy."""
        rows, many = inputs["pairs"].shape[:2]
        pairs = {name: inputs[name].reshape(rows * many, -1) for name in ("pairs", "availability", "shared")}
        pairs["requirement"] = np.repeat(inputs["requirement"], many, axis=0)
        return {"score": self.score(pairs).reshape(rows, many)}

    def score(self, pairs: Arrays) -> Floats:
        """Return the probability of a match [m] for flat pairs from `features.compare`."""
        pairs = {**pairs, **{name: _valid(pairs[name]) for name in ("requirement", "availability")}}
        odds = (
            self.slope * _logits(self.network, network_inputs(pairs, self.network.weights.numpy())) + self.offset
        )
        return sigmoid(odds).astype(np.float32)


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        "hard_negatives": IntDistribution(1, 10),
        "hard_weight": FloatDistribution(0.1, 1.0),
        "batch": CategoricalDistribution((128, 256, 512)),
        "rate": FloatDistribution(3e-4, 1e-2, log=True),
        "decay": FloatDistribution(1e-3, 0.3, log=True),
    }


def fit_model(split: Split, trainer: Trainer) -> MatchModel:
    """Fit on `train` and its hard negatives; stop, calibrate and set the threshold on `validation`."""
    chosen = trainer.tuned(DEFAULTS)
    train = flat(requirements(split.train), availabilities(split.train))
    hard = hard_negatives(split, chosen["hard_negatives"])
    trainer.log(f"{len(split.train)} pairs to fit on and {len(hard[0])} hard negatives")
    if hard[0]:
        more = flat(*hard)
        train = {name: np.concatenate([array, more[name]]) for name, array in train.items()}
    labels = np.r_[split.train["label"], np.zeros(len(hard[0]))].astype(np.float32)
    weight = np.r_[np.ones(len(split.train)), np.full(len(hard[0]), chosen["hard_weight"])].astype(np.float32)
    weights, mean, scale = _fitted_parts(train)
    build = partial(MatchNetwork, weights, mean, scale, trainer.seed)
    late = network_inputs(flat(requirements(split.validation), availabilities(split.validation)), weights)
    actual = split.validation["label"].to_numpy()
    state = trainer.torch(
        build,
        pair_loss,
        (*network_inputs(train, weights), labels, weight),
        (*late, actual.astype(np.float32), np.ones(len(actual), dtype=np.float32)),
        epochs=EPOCHS,
        batch_size=chosen["batch"],
        learning_rate=chosen["rate"],
        early_stopping=PATIENCE,
        weight_decay=chosen["decay"],
    )
    network = build()
    network.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))
    logits = _logits(network, late)
    line = LogisticRegression(C=1e6).fit(logits[:, None], actual)
    slope, offset = max(float(line.coef_[0, 0]), 1e-3), float(line.intercept_[0])
    return MatchModel(network, slope, offset, best_threshold(actual, sigmoid(slope * logits + offset)))


def hard_negatives(split: Split, most: int = HARD) -> tuple[list[Any], list[Any]]:
    """Return the `most` nearest availabilities of the train part to each matched requirement, without labelled
    pairs.

    Pairs that occur in any part are left out. A published split may contain the same requirement in train and
    test, and a test pair must not be used for fitting. The labels of these pairs are not used.
    """
    matched = split.train[split.train["label"] == 1].drop_duplicates("requirement")
    left, right = requirements(matched), availability_pool([split.train])
    every = pd.concat([split.train, split.validation, split.test])
    known = set(zip(requirements(every), map(contents, availabilities(every)), strict=True))
    wanted, offered = [], []
    for requirement, near in zip(left, nearest(left, right, 4 * most), strict=True):
        fresh = [right[index] for index in near if (requirement, contents(right[index])) not in known][:most]
        wanted += [requirement] * len(fresh)
        offered += fresh
    return wanted, offered


def _fitted_parts(train: Arrays) -> tuple[Floats, Floats, Floats]:
    """Return token weights, and mean and scale of the columns. A constant column gets scale 0."""
    texts = np.unique(np.concatenate([train["requirement"], train["availability"]]), axis=0)
    counts = np.bincount(texts.reshape(-1), minlength=VOCABULARY)
    weights = (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32)
    weights[0] = 0
    columns = columns_of(train, weights)
    spread = columns.std(axis=0)
    scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0).astype(np.float32)
    return weights, columns.mean(axis=0), scale


def pair_loss(
    network: MatchNetwork, columns: Tensor, left: Tensor, right: Tensor, labels: Tensor, weight: Tensor
) -> Tensor:
    """Return the cross-entropy of every head plus a contrastive loss that draws encodings of matches together."""
    logits, cosine = network(columns, left, right)
    entropy = functional.binary_cross_entropy_with_logits(logits, labels.expand_as(logits), reduction="none")
    apart = torch.where(labels > 0, (1 - cosine) ** 2, torch.relu(cosine - MARGIN) ** 2)
    return ((entropy.mean(dim=0) + CONTRAST * apart) * weight).mean()


def network_inputs(pairs: Arrays, weights: Floats) -> tuple[npt.NDArray[Any], ...]:
    """Return the network's inputs for flat pairs."""
    ids = (pairs[name].astype(np.int64) for name in ("requirement", "availability"))
    return (columns_of(pairs, weights), *ids)


def _logits(network: MatchNetwork, arrays: tuple[npt.NDArray[Any], ...]) -> npt.NDArray[np.float64]:
    """Return the mean logit over the heads, without dropout."""
    network.eval()
    with torch.no_grad():
        parts = zip(*(torch.split(torch.from_numpy(array), SCORED) for array in arrays), strict=True)
        logits = torch.cat([network(*part)[0].mean(dim=0) for part in parts])
    found: npt.NDArray[np.float64] = logits.numpy().astype(np.float64)
    return found


def _valid(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Clip tokens outside the vocabulary to the nearest valid one, as in the graph."""
    return np.clip(ids, 0, VOCABULARY - 1)
