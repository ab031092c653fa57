"""Which outputs of a classifier are the class and its scores, and what the classes are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from serving.kernel.added.record_types import LABEL, PROBABILITIES, is_scalar
from serving.kernel.tensors import Arrays, TensorSpec, numpy_dtype
from training.added.errors import AddError
from training.added.graphs.read import Graph
from training.added.plan import Plan

__all__ = ["Classes", "classes_among", "find_classes", "shown"]

SUM_TOLERANCE = 1e-2
MOST_SHOWN = 12


@dataclass(frozen=True)
class Classes:
    """Names of the classes and the outputs that carry them; without labels, the model is no classifier."""

    labels: tuple[str, ...] = ()
    index: str = ""
    scores: str = ""
    softmax: bool = False
    numbers: tuple[int, ...] = ()
    """What the output `index` says for each class; empty: its place."""


def find_classes(graph: Graph, plan: Plan, outputs: Arrays, given: Sequence[str]) -> Classes:
    """The classes of a model, from `--labels` or from the names that its graph has. `outputs` are of some rows.

    Raises `AddError` for labels that no output has room for.
    """
    named, numbers = _in_graph(graph)
    answers_names = any(is_scalar(one) and numpy_dtype(one.datatype).kind == "O" for one in plan.outputs)
    if given and named and tuple(given) != named and answers_names:
        raise AddError(f"--labels: the model names its classes itself: {', '.join(named)}; leave out --labels")
    made = classes_among(plan.outputs, outputs, tuple(given) or named, bool(given))
    kind = next((numpy_dtype(spec.datatype).kind for spec in plan.outputs if spec.name == made.index), "")
    return replace(made, numbers=numbers) if kind in ("i", "u") and len(numbers) == len(made.labels) else made


def classes_among(
    specs: Sequence[TensorSpec], outputs: Arrays, labels: tuple[str, ...], given: bool = False
) -> Classes:
    """The outputs that carry the classes `labels`, which the user may have given. Raises `AddError`."""
    if not labels:
        return Classes()
    if len(labels) < 2:
        raise AddError(f"--labels has {labels[0]!r} alone; name two classes or more, in the order of the scores")
    if not all(labels):
        raise AddError(f"--labels: the name {labels.index('') + 1} is empty")
    if len(set(labels)) < len(labels):
        twice = max(labels, key=labels.count)
        said = "--labels has" if given else "the classes in the model have"
        raise AddError(f"{said} {twice!r} twice{'' if given else '; give them other names with --labels'}")
    scores = [spec for spec in specs if _is_scores(spec, len(labels))]
    kinds = {spec.name: numpy_dtype(spec.datatype).kind for spec in specs}
    index = [spec for spec in specs if is_scalar(spec) and kinds[spec.name] in "iuO"]
    if not scores and not index:
        if not given:
            return Classes()
        raise AddError(
            f"--labels has {len(labels)} names, but no output has {len(labels)} scores or the number of a class; "
            f"the outputs are {shown(specs)}"
        )
    made = Classes(labels, index[0].name if index else "", scores[0].name if scores else "")
    taken = {spec.name for spec in specs} - {made.index, made.scores}
    if clash := taken & {LABEL, PROBABILITIES}:
        raise AddError(f"an output is called {min(clash)!r}, as the answer's own field; rename it in the model")
    if not scores:
        return made
    values = outputs[made.scores].reshape(-1, _size(scores[0])).astype(np.float64)
    return Classes(labels, made.index, made.scores, not _are_probabilities(values))


def shown(specs: Sequence[TensorSpec]) -> str:
    """Outputs with their shapes, for a message."""
    every = [f"{spec.name} {list(spec.shape[1:])}" for spec in specs[:MOST_SHOWN]]
    more = len(specs) - len(every)
    return ", ".join(every) + (f" and {more} more" if more else "")


def _in_graph(graph: Graph) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The classes of the last classifier of the graph, as text, and as numbers if it numbers them."""
    for node in reversed(graph.model.graph.node):
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
                found = [one.decode() for one in attribute.strings] or [str(one) for one in attribute.ints]
                if len(found) > 1:
                    return tuple(found), tuple(attribute.ints)
    return (), ()


def _is_scores(spec: TensorSpec, classes: int) -> bool:
    """Whether a row has a score for each class, or one for the second of two."""
    if numpy_dtype(spec.datatype).kind != "f":
        return False
    return spec.shape[1:] == (classes,) or (classes == 2 and is_scalar(spec))


def _size(spec: TensorSpec) -> int:
    return int(np.prod(spec.shape[1:])) if spec.shape[1:] else 1


def _are_probabilities(values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bool:
    # A made-up input may have no meaning for the model, so NaN in its answer says nothing.
    values = values[np.isfinite(values).all(axis=1)]
    inside = bool((values >= -SUM_TOLERANCE).all() and (values <= 1 + SUM_TOLERANCE).all())
    sums = values.sum(axis=1)
    return inside and (values.shape[1] == 1 or bool(np.allclose(sums, 1, atol=SUM_TOLERANCE)))
