from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.quality.app import app
from apps.quality.schema import QualityExplanation, QualityQuestion
from apps.quality.serve.explain import ORDERS, explainer, orders, shares
from tests.apps.quality.tables import bean_model, bean_split, lot_model, lot_split
from training.onnx import export


def explained(kind: str, folder: Path) -> tuple[list[QualityQuestion], list[QualityExplanation]]:
    (recipe, made), (_, split) = (bean_model(), bean_split()) if kind == "beans" else (lot_model(), lot_split())
    export.save(app, recipe.export(made), folder / "model.onnx")
    asked = recipe.golden(split)
    return asked, explainer(folder, made.context)(asked, app.features(asked, made.context))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["beans", "lots"])
def test_contributions_add_up_to_the_score(kind: str, tmp_path: Path) -> None:
    _, found = explained(kind, tmp_path)
    for one in found:
        total = one.base + sum(part.contribution for part in one.contributions)
        assert total == pytest.approx(one.answer.score, abs=0.01)
        sizes = [abs(part.contribution) for part in one.contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert all(part.usual_low <= part.usual_high for part in one.contributions)


def test_a_missing_measurement_has_no_value_and_does_nothing(tmp_path: Path) -> None:
    asked, found = explained("beans", tmp_path)
    seen = 0
    for question, one in zip(asked, found, strict=True):
        for part in one.contributions:
            assert (part.value is None) == (part.feature not in question.measurements)
            if part.value is None:
                seen += 1
                assert part.contribution == 0
    assert seen


def test_shares_of_a_sum_are_its_parts() -> None:
    sequence = orders(4)
    parts = np.array([1.0, -2.0, 3.0, 0.5])
    points = np.hstack([np.zeros((ORDERS, 1)), np.cumsum(parts[sequence], axis=1)])
    np.testing.assert_allclose(shares(points, sequence), parts)


def test_orders_are_permutations_and_each_stands_there_backwards_too() -> None:
    sequence = orders(5)
    assert sequence.shape == (ORDERS, 5)
    assert (np.sort(sequence, axis=1) == np.arange(5)).all()
    assert (sequence[: ORDERS // 2, ::-1] == sequence[ORDERS // 2 :]).all()
    assert (orders(5) == sequence).all()
