from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.price.app import app
from apps.price.schema import PriceContext, PriceExplanation
from apps.price.serve.columns import FEATURES
from apps.price.serve.explain import explainer
from tests.apps.price.tables import fitted, synthetic_split


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> list[PriceExplanation]:
    recipe, made = fitted()
    folder: Path = tmp_path_factory.mktemp("version")
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    asked = recipe.golden(synthetic_split()[1])
    assert isinstance(made.context, PriceContext)
    explanations: list[PriceExplanation] = explainer(folder, made.context)(
        asked, app.features(asked, made.context)
    )
    return explanations


def test_contributions_add_up_to_the_answer(explained: list[PriceExplanation]) -> None:
    for one in explained:
        answer = one.answer
        logs = one.base + math.fsum(part.contribution for part in one.contributions)
        money = one.base_inr + math.fsum(part.contribution_inr for part in one.contributions)
        assert round(answer.last_price * math.exp(logs), 2) == pytest.approx(answer.price, abs=0.02)
        assert round(answer.last_price + money, 2) == pytest.approx(answer.price, abs=0.02)


def test_every_feature_contributes_once_largest_first(explained: list[PriceExplanation]) -> None:
    for one in explained:
        assert sorted(part.feature for part in one.contributions) == sorted(FEATURES)
        sizes = [abs(part.contribution) for part in one.contributions]
        assert sizes == sorted(sizes, reverse=True)


def test_the_explained_answer_is_the_answer(explained: list[PriceExplanation]) -> None:
    recipe, made = fitted()
    asked = recipe.golden(synthetic_split()[1])
    features = app.features(asked, made.context)  # type: ignore[arg-type]
    answers = app.decide(asked, made.predict(features), made.context)  # type: ignore[arg-type]
    assert [one.answer for one in explained] == answers


def test_missing_values_are_null_and_the_rest_are_the_features(explained: list[PriceExplanation]) -> None:
    recipe, made = fitted()
    features = app.features(recipe.golden(synthetic_split()[1]), made.context)["features"]  # type: ignore[arg-type]
    for row, one in zip(features, explained, strict=True):
        given = {part.feature: part.value for part in one.contributions}
        wanted = {
            name: None if np.isnan(value) else float(value) for name, value in zip(FEATURES, row, strict=True)
        }
        assert given == wanted
    assert msgspec.json.decode(msgspec.json.encode(explained), type=list[PriceExplanation]) == explained
