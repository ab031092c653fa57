from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from serving.kernel.added.columns import AddedContext
from serving.kernel.tensors import TensorSpec
from tests.training.added.truth.made import truth_of
from training.added.errors import AddError
from training.added.truth.target import Target, target_of

BARE = AddedContext(columns=(), example={})
SCORES = TensorSpec("scores", "FP32", (-1, 3))
NUMBER = TensorSpec("y", "FP32", (-1, 1))
OTHER = TensorSpec("z", "FP64", (-1,))
INDEX = TensorSpec("class", "INT64", (-1,))
TEXT = TensorSpec("word", "BYTES", (-1,))
BOXES = TensorSpec("boxes", "FP32", (-1, -1, 4))


def target(cells: list[Any], *outputs: TensorSpec, context: AddedContext = BARE, **arrays: Any) -> Target:
    made = {name: np.asarray(array) for name, array in arrays.items()}
    for spec in outputs:
        made.setdefault(spec.name, np.zeros((2, *(abs(size) for size in spec.shape[1:])), np.float32))
    truth = truth_of(pd.DataFrame({"x": range(len(cells)), "known": cells}), "known")
    return target_of(truth, context, outputs, [made])


def test_named_classes_come_first() -> None:
    context = AddedContext(columns=(), example={}, labels=("a", "b", "c"), scores="scores")
    found = target(["c", "a"], SCORES, NUMBER, context=context)
    assert (found.actual.tolist(), found.context, found.output) == ([2, 0], context, "")


def test_scores_are_matched_by_number_and_their_kind_is_found_out() -> None:
    found = target([2, 0, 1], SCORES, scores=[[2.0, 5.0, -1.0]])
    assert (found.context.labels, found.context.scores, found.context.softmax) == (("0", "1", "2"), "scores", True)
    assert found.actual.tolist() == [2, 0, 1]
    assert not target([2, 0], SCORES, scores=[[0.25, 0.5, 0.25]]).context.softmax


@pytest.mark.parametrize("cells", [[0, 1], [True, False], [1.0, 0.0]])
def test_one_number_beside_two_classes_is_the_score_of_the_second(cells: list[Any]) -> None:
    found = target(cells, NUMBER, y=[[0.2], [0.9]])
    assert (found.context.labels, found.context.scores, found.context.softmax) == (("0", "1"), "y", False)
    assert target(cells, NUMBER, y=[[-2.0], [3.0]]).context.softmax


def test_whole_numbers_of_the_model_are_classes() -> None:
    found = target([3, 0], INDEX, **{"class": np.array([1, 2])})
    assert (found.context.labels, found.context.index) == (("0", "1", "2", "3"), "class")


def test_texts_of_the_model_are_classes_too() -> None:
    found = target(["b", "a "], TEXT, SCORES, word=np.array(["b", "c"], object))
    assert (found.context.labels, found.context.index, found.context.scores) == (("a", "b", "c"), "word", "")
    assert found.actual.tolist() == [1, 0]
    assert target([7, 3.0], TEXT, word=np.array(["3", "7"], object)).actual.tolist() == [1, 0]
    assert target([7, 3.5], TEXT, NUMBER, word=np.array(["3", "7"], object)).output == "y"


def test_other_numbers_are_values() -> None:
    for cells in ([0.5, 1.5], [0, 17], ["3", "4.5"]):
        found = target(cells, NUMBER)
        assert (found.output, found.context.labels) == ("y", ())
    assert target([1.5, 2.5], OTHER, TensorSpec("known", "FP32", (-1,)), SCORES).output == "known"


@pytest.mark.parametrize(
    ("cells", "outputs", "said"),
    [
        (["much", "little"], [NUMBER], "has 'much'; the model answers numbers"),
        ([1.5, 2.5], [NUMBER, OTHER], "answers several numbers: y, z; give the column 'known' the name"),
        (
            [1.5, 2.5],
            [BOXES],
            r"no output is one number or has a score for each class; the outputs are boxes \[-1, 4\]",
        ),
        ([0, 7], [SCORES], "no output is one number"),
    ],
)
def test_a_label_that_the_model_does_not_answer_is_refused(
    cells: list[Any], outputs: list[TensorSpec], said: str
) -> None:
    with pytest.raises(AddError, match=said):
        target(cells, *outputs)
