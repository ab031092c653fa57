"""XGBoost's own files, `.json` and `.ubj`. They hold data only, so that opening them runs no code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from serving.kernel.tensors import Arrays
from training.added.sources.converted import Converted
from training.added.sources.converters.front import with_columns
from training.added.sources.converters.rows import category_rows, edge_rows, example_rows, matrix_of
from training.added.sources.converters.xgboost_graph import (
    INPUT,
    PREDICTION,
    PROBABILITIES,
    Learner,
    booster_graph,
    is_classifier,
    read_learner,
)
from training.added.sources.exchange import CannotConvert, Job, Native

__all__ = ["convert", "of_booster"]


def convert(job: Job, sample: pd.DataFrame | None) -> Converted:
    """Convert the booster in a file. Raises `CannotConvert`."""
    booster = xgb.Booster()
    try:
        booster.load_model(job.source.path)
    except (xgb.core.XGBoostError, ValueError) as cause:
        text = str(cause).strip().splitlines()
        raise CannotConvert(f"XGBoost {xgb.__version__} cannot open it: {text[0] if text else cause}") from cause
    names = job.columns or tuple(field.name for field in job.source.fields)
    return of_booster(booster, sample if sample is not None else example_rows(job.source), names)


def of_booster(booster: Any, sample: pd.DataFrame | None, names: tuple[str, ...] = ()) -> Converted:
    """Convert a booster; `names` are those of its columns if it has none itself. Raises `CannotConvert`."""
    booster.set_param({"nthread": 1})
    learner = read_learner(bytes(booster.save_raw("json")))
    names = learner.names or names
    model = booster_graph(learner)
    categories = _categories(learner)
    notes = [f"Converted from XGBoost {xgb.__version__}."]
    if learner.trees is not None:
        notes.append(f"The {learner.trees} trees up to the best iteration answer.")
    if not categories:
        native = _plain(booster, learner, matrix_of(sample, names, learner.width))
    else:
        names = names or tuple(f"f{index}" for index in range(learner.width))
        model = with_columns(model, names, categories)
        native = _with_categories(booster, learner, sample, names, categories)
    return Converted(
        model=model,
        native=native,
        columns=() if categories else names,
        labels=_labels(learner),
        notes=tuple(notes),
    )


def _labels(learner: Learner) -> tuple[str, ...]:
    """XGBoost numbers its classes from 0."""
    if not is_classifier(learner):
        return ()
    return tuple(str(index) for index in range(max(2, learner.targets)))


def _plain(booster: Any, learner: Learner, given: npt.NDArray[np.float32] | None) -> Native:
    counts = _code_counts(learner)
    rows = edge_rows(_splits(learner), learner.width, counts)
    if given is not None:
        rows = np.concatenate([given, rows])
    kinds = ["c" if index in counts else "q" for index in range(learner.width)]
    return Native({INPUT: rows}, _answers(booster, learner, rows, kinds))


def _with_categories(
    booster: Any,
    learner: Learner,
    sample: pd.DataFrame | None,
    names: tuple[str, ...],
    categories: dict[int, tuple[str | int, ...]],
) -> Native:
    """Rows with categories by name, as pandas and the graph have them."""
    counts = _code_counts(learner) | {index: len(known) for index, known in categories.items()}
    edges = edge_rows(_splits(learner), learner.width, counts, missing=False)
    inputs, asked = category_rows(edges, sample, names, categories)
    return Native(inputs, _answers(booster, learner, asked, None))


def _answers(booster: Any, learner: Learner, rows: Any, kinds: list[str] | None) -> Arrays:
    """What the booster itself answers; `multi:softmax` gives a class, so that its margin is asked."""
    data = xgb.DMatrix(rows, feature_types=kinds, feature_names=_names(booster, rows), enable_categorical=True)
    rounds = (0, 0)
    if learner.trees is not None:
        rounds = (0, int(booster.attr("best_iteration")) + 1)
    margin = learner.objective == "multi:softmax"
    found = booster.predict(data, output_margin=margin, iteration_range=rounds, strict_shape=False)
    values = np.asarray(found, np.float32).reshape(len(rows), learner.targets)
    if margin:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        values = powers / powers.sum(axis=1, keepdims=True)
    return {PROBABILITIES if is_classifier(learner) else PREDICTION: values}


def _names(booster: Any, rows: Any) -> list[str] | None:
    return booster.feature_names if isinstance(rows, np.ndarray) else None


def _model(learner: Learner) -> dict[str, Any]:
    booster = learner.booster
    model: dict[str, Any] = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    return model


def _splits(learner: Learner) -> dict[int, list[float]]:
    found: dict[int, set[float]] = {}
    for tree in _model(learner).get("trees", ()):
        cells = zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"], tree["split_type"], strict=True
        )
        for left, column, value, kind in cells:
            if left != -1 and not kind:
                found.setdefault(column, set()).add(float(np.float32(value)))
    return {column: sorted(values) for column, values in sorted(found.items())}


def _code_counts(learner: Learner) -> dict[int, int]:
    """Columns that the trees split by category -> one more than the largest category they name."""
    found: dict[int, int] = {}
    for tree in _model(learner).get("trees", ()):
        nodes = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
        for node, start, size in nodes:
            column = tree["split_indices"][node]
            largest = max(tree["categories"][start : start + size], default=0)
            found[column] = max(found.get(column, 0), largest + 2)
    return found


def _categories(learner: Learner) -> dict[int, tuple[str | int, ...]]:
    """Columns whose categories the booster knows by value: it was fitted with pandas' categories."""
    encoded = _model(learner).get("cats", {}).get("enc", ())
    found: dict[int, tuple[str | int, ...]] = {}
    for index, item in enumerate(encoded):
        values = item.get("values") or ()
        if not values:
            continue
        if "offsets" in item:
            text, ends = bytes(value % 256 for value in values), item["offsets"]
            found[index] = tuple(text[a:b].decode() for a, b in zip(ends[:-1], ends[1:], strict=True))
        else:
            found[index] = tuple(int(value) for value in values)
    return found
