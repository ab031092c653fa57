from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from apps.vendor.app import app
from apps.vendor.schema import VendorContext, VendorExplanation, VendorQuestion
from apps.vendor.serve.columns import FEATURES
from apps.vendor.serve.explain import explainer
from tests.apps.vendor.tables import fitted, synthetic_split


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> list[VendorExplanation]:
    recipe, made = fitted()
    folder: Path = tmp_path_factory.mktemp("version")
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    assert isinstance(made.context, VendorContext)
    found: list[VendorExplanation] = explainer(folder, made.context)(asked(), features())
    return found


def asked() -> list[VendorQuestion]:
    return fitted()[0].golden(synthetic_split()[1])


def features() -> dict[str, object]:
    return app.features(asked(), fitted()[1].context)  # type: ignore[arg-type, return-value]


def test_contributions_add_up_to_the_probability(explained: list[VendorExplanation]) -> None:
    for one in explained:
        odds = one.base + math.fsum(part.contribution for part in one.contributions)
        assert 1 / (1 + math.exp(-odds)) == pytest.approx(one.answer.probability, abs=1e-4)


def test_every_feature_contributes_once_largest_first(explained: list[VendorExplanation]) -> None:
    for one in explained:
        assert sorted(part.feature for part in one.contributions) == sorted(FEATURES)
        sizes = [abs(part.contribution) for part in one.contributions]
        assert sizes == sorted(sizes, reverse=True)


def test_reasons_are_sums_of_contributions(explained: list[VendorExplanation]) -> None:
    assert any(one.reasons for one in explained)
    for one in explained:
        assert all((reason.effect == "raises") == (reason.contribution > 0) for reason in one.reasons)
        sizes = [abs(reason.contribution) for reason in one.reasons]
        assert sizes == sorted(sizes, reverse=True)


def test_the_explained_answer_is_the_answer(explained: list[VendorExplanation]) -> None:
    _, made = fitted()
    outputs = made.predict(features())  # type: ignore[arg-type]
    assert [one.answer for one in explained] == app.decide(asked(), outputs, made.context)  # type: ignore[arg-type]
    assert msgspec.json.decode(msgspec.json.encode(explained), type=list[VendorExplanation]) == explained
