from __future__ import annotations

from pathlib import Path

import pytest

from apps.struggle.app import app
from apps.struggle.serve.explain import BOOSTER_NAME, explainer
from apps.struggle.train.recipe import recipe
from tests.apps.struggle.students import fitted


def test_contributions_add_up_and_come_largest_first(tmp_path: Path) -> None:
    made, split = fitted()
    (tmp_path / BOOSTER_NAME).write_bytes(made.files[BOOSTER_NAME])
    questions = recipe.golden(split)
    features = app.features(questions, made.context)  # type: ignore[arg-type]
    outputs = made.predict(features)
    for row, one in enumerate(explainer(tmp_path, made.context)(questions, features)):  # type: ignore[arg-type]
        total = one.base + sum(part.contribution for part in one.contributions)
        assert total == pytest.approx(outputs["log_odds"][row, 0], abs=1e-4)
        assert one.answer.probability == pytest.approx(outputs["probability"][row, 0], abs=1e-4)
        sizes = [abs(part.contribution) for part in one.contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert all(part.words for part in one.contributions)
