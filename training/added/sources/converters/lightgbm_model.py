"""LightGBM's own text files. They hold data only, so that opening them runs no code."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxmltools
import pandas as pd
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from serving.kernel.tensors import Arrays
from training.added.sources.converted import Converted
from training.added.sources.converters.front import with_columns
from training.added.sources.converters.rows import category_rows, edge_rows, example_rows, matrix_of
from training.added.sources.exchange import CannotConvert, Job, Native

__all__ = ["convert", "of_booster"]

INPUT = "input"
OPSET = 15
"""The highest one that onnxmltools has for trees."""
UNNAMED = "Column_"
CATEGORIES = "pandas_categorical:"


def convert(job: Job, sample: pd.DataFrame | None) -> Converted:
    """Convert the booster in a file. Raises `CannotConvert`."""
    try:
        booster = lgb.Booster(model_file=job.source.path)
    except lgb.basic.LightGBMError as cause:
        raise CannotConvert(f"LightGBM {lgb.__version__} cannot open it: {cause}") from cause
    names = job.columns or tuple(field.name for field in job.source.fields)
    return of_booster(booster, sample if sample is not None else example_rows(job.source), names)


def of_booster(booster: Any, sample: pd.DataFrame | None, names: tuple[str, ...] = ()) -> Converted:
    """Convert a booster; `names` are those of its columns if it has none itself. Raises `CannotConvert`."""
    width = booster.num_feature()
    own = tuple(booster.feature_name())
    if own != tuple(f"{UNNAMED}{index}" for index in range(width)):
        names = _with_blanks(own, () if sample is None else tuple(map(str, sample.columns)), names)
    objective = _objective(booster)
    model = _graph(booster, width, objective)
    tree_list = booster.dump_model()["tree_info"]
    categories = _categories(booster, tree_list)
    if categories:
        names = names or own
        model = with_columns(model, names, categories)
    asked: Any
    splits, counts = _splits(tree_list), _code_counts(tree_list)
    if categories:
        counts |= {index: len(known) for index, known in categories.items()}
        inputs, asked = category_rows(edge_rows(splits, width, counts, missing=False), sample, names, categories)
    else:
        rows, given = edge_rows(splits, width, counts), matrix_of(sample, names, width)
        asked = rows if given is None else np.concatenate([given, rows])
        inputs = {INPUT: asked}
    outputs = _answers(booster, asked, [item.name for item in model.graph.output], objective)
    return Converted(
        model=model,
        native=Native(inputs, outputs),
        columns=() if categories else names,
        labels=_labels(outputs),
        notes=(f"Converted from LightGBM {lgb.__version__} by onnxmltools {onnxmltools.__version__}.",),
    )


def _with_blanks(own: tuple[str, ...], *others: tuple[str, ...]) -> tuple[str, ...]:
    """The names as the sample or the signature has them: LightGBM writes `_` for the blanks in them."""
    for names in others:
        known = {name.replace(" ", "_"): name for name in names} | {name: name for name in names}
        if all(name in known for name in own):
            return tuple(known[name] for name in own)
    return own


def _labels(outputs: Arrays) -> tuple[str, ...]:
    """LightGBM numbers its classes from 0."""
    if len(outputs) == 1:
        return ()
    return tuple(str(index) for index in range(list(outputs.values())[-1].shape[1]))


def _objective(booster: Any) -> str:
    """The objective's name; empty: none is in the file, as for one that was written in Python."""
    lines = [line for line in booster.model_to_string().splitlines() if line.startswith("objective=")]
    return lines[0].removeprefix("objective=").split()[0] if lines else ""


def _graph(booster: Any, width: int, objective: str) -> onnx.ModelProto:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = convert_lightgbm(
                booster,
                initial_types=[(INPUT, FloatTensorType([None, width]))],
                target_opset=OPSET,
                zipmap=False,
            )
    except (NotImplementedError, RuntimeError, ValueError, KeyError, AttributeError) as cause:
        raise CannotConvert(
            f"onnxmltools has no conversion for LightGBM's objective {objective or 'of your own'}: {cause}. "
            "Nearest: binary for cross_entropy, regression for others whose answer is the sum of the trees"
        ) from cause
    del model.graph.value_info[:]
    for output in model.graph.output:  # its shapes are those of one row
        output.type.tensor_type.ClearField("shape")
    return model


def _answers(booster: Any, rows: Any, names: list[str], objective: str) -> Arrays:
    """What the booster itself answers: a number, or the class and the probability of each class."""
    found = np.asarray(booster.predict(rows, num_threads=1), np.float64)
    if len(names) == 1:
        return {names[0]: found.reshape(len(found), -1)}
    scores = np.stack([1 - found, found], axis=1) if found.ndim == 1 else found
    if objective == "binary":
        return {names[0]: (found > 0.5).astype(np.int64), names[1]: scores}
    return {names[0]: scores.argmax(axis=1), names[1]: scores}


def _nodes(trees: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All splits."""
    waiting = [tree["tree_structure"] for tree in trees]
    while waiting:
        node = waiting.pop()
        if "split_feature" in node:
            yield node
            waiting += [node["left_child"], node["right_child"]]


def _splits(trees: list[dict[str, Any]]) -> dict[int, list[float]]:
    found: dict[int, set[float]] = {}
    for node in _nodes(trees):
        if node["decision_type"] == "<=":
            found.setdefault(node["split_feature"], set()).add(float(node["threshold"]))
    return {column: sorted(values) for column, values in sorted(found.items())}


def _code_counts(trees: list[dict[str, Any]]) -> dict[int, int]:
    """Columns that the trees split by category -> one more than the largest category they name."""
    found: dict[int, int] = {}
    for node in _nodes(trees):
        if node["decision_type"] == "==":
            largest = max(int(part) for part in str(node["threshold"]).split("||"))
            found[node["split_feature"]] = max(found.get(node["split_feature"], 0), largest + 2)
    return found


def _categories(booster: Any, trees: list[dict[str, Any]]) -> dict[int, tuple[str | int, ...]]:
    """Columns whose categories the file knows by value: it was fitted with pandas' categories.

    The file has them without the names of their columns, in the order of the columns. Raises `CannotConvert` where
    they cannot be told.
    """
    lines = [line for line in booster.model_to_string().splitlines() if line.startswith(CATEGORIES)]
    known = json.loads(lines[-1].removeprefix(CATEGORIES)) if lines else None
    if not known:
        return {}
    ranges = booster.dump_model()["feature_infos"]
    names = booster.feature_name()
    columns = [index for index, name in enumerate(names) if ranges.get(name, {}).get("values")]
    used = sorted(_code_counts(trees))
    columns = columns if len(columns) == len(known) else used
    if len(columns) != len(known):
        raise CannotConvert(
            "the booster was fitted with pandas' categories, and its file does not say of which columns; fit it "
            "with their codes (frame[column].cat.codes)"
        )
    return {index: tuple(values) for index, values in zip(columns, known, strict=True)}
