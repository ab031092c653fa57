from __future__ import annotations

from pathlib import Path

import pytest

from apps.fraud.app import app
from apps.fraud.schema import FraudQuestion
from apps.fraud.serve.decide import decide
from apps.fraud.serve.explain import explainer
from apps.fraud.train.graph import graph
from serving.kernel.storage.version_manifest import MODEL_NAME
from tests.apps.fraud.tables import CONTEXT, NAMES, model
from training.onnx import export


def test_every_feature_has_its_part_and_they_add_up(tmp_path: Path) -> None:
    native = model()
    export.save(app, graph(native), tmp_path / MODEL_NAME)
    questions = [
        FraudQuestion(features={"amount": 8.0, "hour": -1.0, "items": 0.5}),
        FraudQuestion(features={"hour": 2.0}),
    ]
    inputs = app.features(questions, CONTEXT)
    outputs = native.predict(inputs)
    explained = explainer(tmp_path, CONTEXT)(questions, inputs)
    for found, answer, score in zip(explained, decide(questions, outputs, CONTEXT), outputs["score"], strict=True):
        assert found.answer.risk == answer.risk
        parts = [one.contribution for one in found.contributions]
        assert {one.feature for one in found.contributions} == set(NAMES)
        assert parts == sorted(parts, reverse=True)
        assert found.base + sum(parts) == pytest.approx(float(score[0]), abs=1e-4)
    assert {one.feature: one.value for one in explained[1].contributions} == {
        "amount": None,
        "hour": 2.0,
        "items": None,
    }
