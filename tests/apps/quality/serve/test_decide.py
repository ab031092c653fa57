from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from apps.quality.schema import QualityAnswer, QualityQuestion
from apps.quality.serve.decide import decide, differences
from serving.kernel.tensors import Arrays
from tests.apps.quality.tables import CONTEXT

HISTORY = ({"size": 9.0, "weight": 90.0},) * 9


def outputs(score: float = 62.0, high: float = 0.7, margin: float = -0.1) -> Arrays:
    return {
        "score": np.array([[score]], dtype=np.float32),
        "probabilities": np.array([[1 - high, high]], dtype=np.float32),
        "anomaly": np.array([[margin]], dtype=np.float32),
    }


def answer(found: Arrays | None = None, **asked: Any) -> QualityAnswer:
    question = QualityQuestion(**{"measurements": {"size": 11.0, "weight": 105.0}, **asked})
    return decide([question], found or outputs(), CONTEXT)[0]


def test_the_likeliest_grade_is_the_answer() -> None:
    found = answer()
    assert (found.grade, found.score, found.score_is) == ("high", 62.0, "expected grade value")
    assert found.probabilities == {"low": 0.3, "high": 0.7}
    assert answer(outputs(high=0.2)).grade == "low"


def test_an_ordinary_lot_has_no_reason() -> None:
    found = answer()
    assert (found.anomaly, found.reason, found.differences) == (False, "", ())


def test_a_flagged_lot_names_what_differs_most_and_from_what() -> None:
    found = answer(outputs(margin=0.02), measurements={"size": 18.0, "weight": 95.0})
    assert found.anomaly
    assert found.against == "all lots"
    assert [one.name for one in found.differences] == ["size", "weight"]
    assert found.differences[0].spreads == 4.0
    assert found.reason == (
        "unlike all lots: size is 4.0 spreads above its usual 10; weight is 0.5 spreads below its usual 100"
    )


def test_the_suppliers_own_lots_are_named_when_they_are_enough() -> None:
    found = answer(outputs(margin=0.02), supplier="Devgiri", history=HISTORY)
    assert (found.against, found.history, found.supplier) == ("supplier", 9, "Devgiri")
    assert found.reason.startswith("unlike the supplier's lots: weight is ")
    assert found.differences[0].usual == 90.0
    assert answer(history=HISTORY[:7]).against == "all lots"


def test_what_is_missing_is_named_and_never_a_difference() -> None:
    found = answer(outputs(margin=0.02), measurements={"weight": 160.0})
    assert found.missing == ("size",)
    assert [one.name for one in found.differences] == ["weight"]


def test_a_flag_without_anything_to_compare_still_has_a_reason() -> None:
    history = ({"size": 9.0},) * 9
    question = QualityQuestion(measurements={"weight": 1.0}, history=history)
    assert differences(question, CONTEXT) == ()
    (found,) = decide([question], outputs(margin=1.0), CONTEXT)
    assert found.reason == "unlike the supplier's lots taken together"


def test_without_values_the_score_is_a_confidence() -> None:
    bare = msgspec.structs.replace(CONTEXT, values=())
    question = QualityQuestion(measurements={"size": 11.0})
    assert decide([question], outputs(), bare)[0].score_is == "confidence"


def test_scores_stay_between_0_and_100() -> None:
    assert answer(outputs(score=100.00001)).score == 100.0
    assert answer(outputs(score=-0.00001)).score == 0.0
