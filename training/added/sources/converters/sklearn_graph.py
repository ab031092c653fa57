"""scikit-learn's estimators and pipelines, through skl2onnx; XGBoost's and LightGBM's through their boosters."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pandas as pd
import skl2onnx
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from serving.kernel.tensors import Arrays
from training.added.plan import TOLERANCE, differences
from training.added.sources.converted import ML_OPSET, OPSET, ROWS, Converted
from training.added.sources.converters.rows import edge_rows, named_columns
from training.added.sources.converters.sklearn_trees import split_values
from training.added.sources.exchange import CannotConvert, Native

__all__ = ["of_estimator"]

INPUT = "input"
LOCALE = "C.UTF-8"
FEW = 32
"""With fewer rows of a sample, made ones are compared as well."""
SUPPORTED = "https://onnx.ai/sklearn-onnx/supported.html"


def of_estimator(model: Any, frame: pd.DataFrame | None, columns: tuple[str, ...] = ()) -> Converted:
    """Convert a fitted estimator; `columns` are the names of `--columns`. Raises `CannotConvert`."""
    if (made := _of_booster(model, frame, columns)) is not None:
        return made
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise CannotConvert(
            f"it holds a {type(model).__module__}.{type(model).__qualname__}, not an estimator of scikit-learn"
        )
    rows = _rows(model, frame, columns)
    _register()
    best: tuple[float, onnx.ModelProto, Arrays, Arrays] | None = None
    failure: Exception | None = None
    asked = _as_fitted(model, rows)
    for types, options in product(_attempts(model, rows), _options(model)):
        try:
            graph = _graph(model, types, options)
            inputs = _inputs(graph, types, rows)
            found = _run(graph, inputs)
        except Exception as cause:  # noqa: BLE001 - converters raise errors of any kind
            failure = failure or cause
            continue
        outputs = _native(model, asked, found)
        error = max(float(differences(outputs[name], found[name]).max(initial=0)) for name in outputs)
        if best is None or error < best[0]:
            best = (error, graph, inputs, outputs)
        if error <= TOLERANCE:
            break
    if best is None:
        raise _refused(model, failure)
    return _converted(model, rows, *best[1:])


def _of_booster(model: Any, frame: pd.DataFrame | None, columns: tuple[str, ...]) -> Converted | None:
    """XGBoost's and LightGBM's own estimators and boosters; None for anything else."""
    package = type(model).__module__.partition(".")[0]
    names = columns or tuple(map(str, getattr(model, "feature_names_in_", ())))
    made = None
    if package == "xgboost":
        from training.added.sources.converters import xgboost_model

        booster = model
        if hasattr(model, "get_booster"):
            booster = model.get_booster()
            # As in files that the estimator itself writes.
            booster.set_attr(scikit_learn="{}")
        made = xgboost_model.of_booster(booster, frame, names)
    if package == "lightgbm":
        from training.added.sources.converters import lightgbm_model

        made = lightgbm_model.of_booster(getattr(model, "booster_", model), frame, names)
    if made is None or not made.labels or not hasattr(model, "classes_"):
        return made
    return dataclasses.replace(made, labels=tuple(map(str, model.classes_)))


def _register() -> None:
    """Make boosters known that are steps of pipelines."""
    if "xgboost" in sys.modules or "lightgbm" in sys.modules:
        from training.added.sources.converters.sklearn_boosters import register

        register()


def _rows(model: Any, frame: pd.DataFrame | None, columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows with the columns that the model was fitted with; made ones if it takes numbers only."""
    names = tuple(map(str, getattr(model, "feature_names_in_", ()))) or columns
    width = getattr(model, "n_features_in_", None)
    splits = split_values(model)
    if frame is None:
        if width is None or _chooses_columns(model):
            raise CannotConvert(
                "it takes columns of several types, which its file does not name; give some rows with --sample"
            )
        made = edge_rows(splits, width, missing=False).astype(np.float64)
        return pd.DataFrame(made, columns=list(names) if names else [str(index) for index in range(width)])
    chosen = named_columns(frame, names) if names else frame
    if width is not None and chosen.shape[1] != width:
        raise CannotConvert(
            f"the model takes {width} columns, and the sample has {chosen.shape[1]}: "
            f"{', '.join(map(str, chosen.columns[:20]))}. Leave the others out with --ignore"
        )
    chosen = chosen[:ROWS].reset_index(drop=True)
    few = len(chosen) < FEW and not _chooses_columns(model)
    if not _all_numbers(chosen) or not (splits or few):
        return chosen
    edges = pd.DataFrame(edge_rows(splits, chosen.shape[1], missing=False), columns=chosen.columns)
    more = pd.concat([chosen.astype(np.float64), edges.astype(np.float64)], ignore_index=True)
    try:
        _answers(model, _as_fitted(model, more))
    except ValueError:  # for instance, numbers that are categories
        return chosen
    return more


def _as_fitted(model: Any, rows: pd.DataFrame) -> Any:
    """The rows as the model got them when it was fitted: a table, an array, or a list of texts."""
    if hasattr(model, "feature_names_in_"):
        return rows
    return rows.iloc[:, 0] if _takes_texts(model, rows) else rows.to_numpy()


def _takes_texts(model: Any, rows: pd.DataFrame) -> bool:
    """Whether a row is one text, as for a pipeline that begins with a vectorizer."""
    return rows.shape[1] == 1 and not hasattr(model, "n_features_in_") and rows.dtypes.iloc[0] == np.object_


def _all_numbers(rows: pd.DataFrame) -> bool:
    return all(dtype.kind in "fiub" for dtype in rows.dtypes)


def _chooses_columns(model: Any) -> bool:
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    return any(isinstance(step, ColumnTransformer) for step in steps)


Types = list[tuple[str, Any]]


def _attempts(model: Any, rows: pd.DataFrame) -> Iterator[Types]:
    """Types of inputs, the likely ones first: 32 bits are what most converters were written for."""
    numbers = (FloatTensorType,) if _splits_at_infinity(model) else (FloatTensorType, DoubleTensorType)
    if _all_numbers(rows) and not _chooses_columns(model):
        for kind in numbers:
            yield [(INPUT, kind([None, rows.shape[1]]))]
        return
    wholes = (Int64TensorType, None) if any(dtype.kind in "iub" for dtype in rows.dtypes) else (None,)
    for whole, number in product(wholes, numbers):
        yield [(str(name), _type(rows[name], whole or number, number)([None, 1])) for name in rows.columns]
        if wholes == (None,) and not any(dtype.kind == "f" for dtype in rows.dtypes):
            return


def _splits_at_infinity(model: Any) -> bool:
    """Whether trees split what is missing from what is not. skl2onnx never ends such a split for 64 bits."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    return any(not np.isfinite(values).all() for values in split_values(last).values())


def _type(cells: pd.Series[Any], whole: Any, number: Any) -> Any:
    if cells.dtype.kind in "iub":
        return whole
    return number if cells.dtype.kind == "f" else StringTensorType


def _options(model: Any) -> list[dict[int, dict[str, bool]] | None]:
    """Options of skl2onnx: scores as a tensor, and as the classifier has them. Not every estimator has both."""
    if not is_classifier(model):
        return [None]
    tensor = {id(model): {"zipmap": False}}
    if hasattr(model, "predict_proba"):
        return [tensor]
    last = id(model.steps[-1][1]) if isinstance(model, Pipeline) else id(model)
    raw = {last: {"raw_scores": True}}
    both = {**tensor, **raw} if last != id(model) else {last: {"zipmap": False, "raw_scores": True}}
    return [both, raw, tensor]


def _graph(model: Any, types: Types, options: dict[int, dict[str, bool]] | None) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: onnx.ModelProto = convert_sklearn(
            model, initial_types=types, target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET}, options=options
        )
    _any_locale(made)
    return made


def _any_locale(model: onnx.ModelProto) -> None:
    """Lower-case texts by a locale that every Linux has; the default is one that small images lack."""
    for node in model.graph.node:
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("locale", LOCALE)])


def _inputs(graph: onnx.ModelProto, types: Types, rows: pd.DataFrame) -> Arrays:
    """The rows as the graph takes them."""
    if len(types) == 1 and types[0][0] == INPUT:
        return {INPUT: rows.to_numpy(_dtype(types[0][1]))}
    kinds = dict(types)
    taken = [item.name for item in graph.graph.input]
    return {name: _column(rows[name], _dtype(kinds[name])) for name in taken}


def _column(cells: pd.Series[Any], dtype: Any) -> npt.NDArray[Any]:
    if dtype is object:
        cells = cells.fillna("").astype(str)
    made: npt.NDArray[Any] = cells.to_numpy(dtype).reshape(-1, 1)
    return made


def _dtype(kind: Any) -> Any:
    found = {FloatTensorType: np.float32, DoubleTensorType: np.float64, Int64TensorType: np.int64}
    return found.get(type(kind), object)


def _run(graph: onnx.ModelProto, inputs: Arrays) -> Arrays:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = dict(zip([item.name for item in session.get_outputs()], session.run(None, inputs), strict=True))
    if lists := [name for name, value in found.items() if isinstance(value, list)]:
        raise ValueError(f"its output {lists[0]} is no tensor")
    return found


def _native(model: Any, rows: Any, found: Arrays) -> Arrays:
    """What the model itself answers, under the names and with the shapes of the graph's outputs."""
    answers = _answers(model, rows)
    if len(answers) != len(found):
        raise CannotConvert(
            f"its graph has {len(found)} outputs ({', '.join(found)}), and the estimator {len(answers)} kinds of "
            "answers, so that they cannot be compared"
        )
    made = {}
    for (name, wanted), answer in zip(found.items(), answers, strict=True):
        array = np.asarray(answer)
        if array.dtype.kind in "OSU":
            array = array.astype(str).astype(object)
        elif array.dtype.kind in "iub":
            array = array.astype(np.int64)
        made[name] = array.reshape(wanted.shape) if array.size == wanted.size else array
    return made


def _answers(model: Any, rows: Any) -> list[Any]:
    """The estimator's answers in the order of skl2onnx's outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_classifier(model):
            return [model.predict(rows), _scores(model, rows)]
        if is_outlier_detector(model):
            return [model.predict(rows), model.decision_function(rows)]
        if getattr(model, "_estimator_type", "") == "clusterer" or hasattr(model, "cluster_centers_"):
            return [model.predict(rows), model.transform(rows)]
        if hasattr(model, "predict"):
            return [model.predict(rows)]
        made = model.transform(rows)
        return [made.toarray() if hasattr(made, "toarray") else made]


def _scores(model: Any, rows: Any) -> npt.NDArray[Any]:
    """Probabilities, or the distances to the border for a classifier without them."""
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(rows)
        if isinstance(found, list):
            raise CannotConvert("it classifies several things at once; fit one classifier for each")
        return np.asarray(found)
    found = np.asarray(model.decision_function(rows))
    return np.stack([-found, found], axis=1) if found.ndim == 1 else found


def _refused(model: Any, failure: Exception | None) -> CannotConvert:
    text = " ".join(str(failure).split())[:300]
    return CannotConvert(
        f"skl2onnx cannot convert this {type(model).__name__}: {type(failure).__name__}: {text}. Nearest: replace "
        f"the step by one of {SUPPORTED}, or compute it before asking, as in an app: `slipway new`"
    )


def _converted(
    model: Any, rows: pd.DataFrame, graph: onnx.ModelProto, inputs: Arrays, outputs: Arrays
) -> Converted:
    labels: Sequence[Any] = ()
    if is_classifier(model) and hasattr(model, "classes_"):
        labels = list(model.classes_)
        outputs = _class_names(graph, outputs, labels)
    return Converted(
        model=graph,
        native=Native(inputs, outputs),
        columns=tuple(map(str, rows.columns)) if list(inputs) == [INPUT] and _are_names(model, rows) else (),
        labels=tuple(map(str, labels)),
        notes=(f"Converted from scikit-learn {sklearn.__version__} by skl2onnx {skl2onnx.__version__}.",),
    )


def _are_names(model: Any, rows: pd.DataFrame) -> bool:
    """Whether the columns have names of their own rather than numbers made here."""
    return hasattr(model, "feature_names_in_") or list(rows.columns) != [str(at) for at in range(rows.shape[1])]


def _class_names(graph: onnx.ModelProto, outputs: Arrays, classes: Sequence[Any]) -> Arrays:
    """Give the class as text where its numbers are not those of the scores; returns the answers with the same."""
    numbers = [one for one in classes if isinstance(one, (int, np.integer)) and not isinstance(one, bool)]
    if len(numbers) != len(classes) or numbers == list(range(len(classes))):
        return outputs
    label = graph.graph.output[0]
    for node in graph.graph.node:
        node.output[:] = [f"{name}_number" if name == label.name else name for name in node.output]
        node.input[:] = [f"{name}_number" if name == label.name else name for name in node.input]
    graph.graph.node.append(
        onnx.helper.make_node(
            "LabelEncoder",
            [f"{label.name}_number"],
            [label.name],
            domain="ai.onnx.ml",
            keys_int64s=[int(one) for one in numbers],
            values_strings=[str(one) for one in numbers],
        )
    )
    for item in graph.opset_import:
        if item.domain == "ai.onnx.ml":
            item.version = max(item.version, ML_OPSET)
    label.type.tensor_type.elem_type = onnx.TensorProto.STRING
    return {**outputs, label.name: outputs[label.name].astype(str).astype(object)}
