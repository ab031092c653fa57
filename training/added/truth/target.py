"""What the label is of a model: its classes, or one of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.added.columns import AddedContext
from serving.kernel.added.record_types import is_scalar
from serving.kernel.tensors import Arrays, TensorSpec, numpy_dtype
from training.added.classes import classes_among, shown
from training.added.errors import AddError
from training.added.truth.given import Truth
from training.added.truth.labels import classes_of, codes_of, name_of, numbers_of

__all__ = ["Target", "target_of"]


@dataclass(frozen=True)
class Target:
    """The known answers, and how the model's are read beside them."""

    context: AddedContext
    """With labels: the answer is a class. The model may be served without them."""
    actual: npt.NDArray[Any]
    """The number of each row's class, or its value."""
    output: str = ""
    """The output that is a value; empty for classes."""


def target_of(
    truth: Truth, context: AddedContext, outputs: Sequence[TensorSpec], answered: Sequence[Arrays]
) -> Target:
    """Match the label with the model's classes: by their names, by its texts, by number; else with its one number.

    `answered` are outputs of some rows. Raises `AddError` for a label that the model does not answer.
    """
    if context.labels:
        return Target(context, classes_of(truth.label, truth.cells, context.labels))
    scalars = {spec.name: numpy_dtype(spec.datatype).kind for spec in outputs if is_scalar(spec)}
    texts = [name for name, kind in scalars.items() if kind == "O"]
    if texts and (len(texts) == len(scalars) or not pd.api.types.is_numeric_dtype(truth.cells)):
        return _texts(truth, context, texts[0], answered)
    codes = codes_of(truth.cells)
    names = () if codes is None else _numbered(outputs, int(codes.max()) + 1)
    if codes is None or not names:
        name = _number(truth.label, outputs)
        return Target(context, numbers_of(truth.label, truth.cells), name)
    few = [spec for spec in outputs if len(spec.shape) <= 2 and -1 not in spec.shape[1:]]
    joined = {spec.name: np.concatenate([one[spec.name] for one in answered]) for spec in few}
    made = classes_among(few, joined, names, given=True)
    classes = {"labels": made.labels, "index": made.index, "scores": made.scores, "softmax": made.softmax}
    return Target(msgspec.structs.replace(context, **classes), codes)


def _texts(truth: Truth, context: AddedContext, output: str, answered: Sequence[Arrays]) -> Target:
    """The classes of a model that answers text: every text of the label, and every answer."""
    cells = truth.cells.map(name_of)
    found = {str(text) for one in answered for text in one[output].reshape(-1).tolist()}
    names = tuple(sorted({*cells, *found}))
    context = msgspec.structs.replace(context, labels=names, index=output)
    return Target(context, classes_of(truth.label, cells, names))


def _numbered(outputs: Sequence[TensorSpec], least: int) -> tuple[str, ...]:
    """The numbers of the classes, at least `least`, of a model that does not name them; empty if it has none."""
    kinds = {spec.name: numpy_dtype(spec.datatype).kind for spec in outputs}
    for spec in outputs:
        if kinds[spec.name] == "f" and len(spec.shape) == 2 and spec.shape[1] >= max(2, least):
            return tuple(map(str, range(spec.shape[1])))
    scalars = [kinds[spec.name] for spec in outputs if is_scalar(spec)]
    if "i" in scalars or "u" in scalars or (least <= 2 and "f" in scalars):
        return tuple(map(str, range(max(2, least))))
    return ()


def _number(label: str, outputs: Sequence[TensorSpec]) -> str:
    """The output that is one number for each row."""
    names = [spec.name for spec in outputs if is_scalar(spec) and numpy_dtype(spec.datatype).kind in "fiu"]
    if label in names:
        return label
    if len(names) == 1:
        return names[0]
    if names:
        raise AddError(
            f"--label: the model answers several numbers: {', '.join(names)}; "
            f"give the column {label!r} the name of the one that it is"
        )
    raise AddError(
        f"--label: no output is one number or has a score for each class; the outputs are {shown(outputs)}. "
        "Leave out --label, or name the classes with --labels"
    )
