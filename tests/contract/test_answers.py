"""What a trained version answers: golden rows, pairs, explanations, and the evidence it carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from control.lint.triton.lint import lint
from control.lint.triton.output import sentence
from serving.models.loaded_version import LoadedVersion
from serving.models.replay import replay
from tests.contract.requests import load_cases, same_numbers
from tests.trained import AnyApp, Trained, predict

pytestmark = pytest.mark.slow


def test_the_golden_rows_replay(app: AnyApp, trained: Trained) -> None:
    async def use(loaded: LoadedVersion) -> int:
        rows = trained.repository.golden(app.name, loaded.number)
        await replay(loaded, rows)
        return len(rows)

    assert trained.with_loaded(app, use) >= 8


def test_the_example_is_answered(app: AnyApp, trained: Trained) -> None:
    async def use(loaded: LoadedVersion) -> list[Any]:
        return await predict(loaded, [app.example, app.example])

    first, second = trained.with_loaded(app, use)
    assert isinstance(first, app.answer)
    assert first == second
    assert msgspec.json.decode(msgspec.json.encode(first), type=app.answer) == first


def test_pairs_stand_in_their_relation(app: AnyApp, trained: Trained) -> None:
    async def use(loaded: LoadedVersion) -> dict[str, str]:
        found = {}
        for case in load_cases(app):
            if case.kind != "refused":
                found[case.name] = case.broken(*await predict(loaded, case.questions(app)))
        return found

    assert {name: problem for name, problem in trained.with_loaded(app, use).items() if problem} == {}


def test_explanations_add_up_to_the_first_output(app: AnyApp, trained: Trained) -> None:
    kind: Any = app.explanation
    if app.explainer is None:
        assert kind is None
        return

    async def use(loaded: LoadedVersion) -> None:
        rows = trained.repository.golden(app.name, loaded.number)
        questions = [msgspec.json.decode(row.question, type=app.question) for row in rows]
        explained = loaded.explainer()(questions, app.features(questions, loaded.context))
        answers = await predict(loaded, questions)
        for row, answer, one in zip(rows, answers, explained, strict=True):
            assert isinstance(one, kind)
            assert same_numbers(one.answer, answer) == ""
            total = one.base + sum(part.contribution for part in one.contributions)
            assert total == pytest.approx(row.outputs[app.outputs[0].name][0], abs=10 * app.tolerance)
            # An app of tables of any width names its version's features in the context.
            names = getattr(loaded.context, "features", app.feature_names)
            assert {part.feature for part in one.contributions} <= set(names)
            msgspec.json.encode(one)

    trained.with_loaded(app, use)


def test_outputs_are_finite_and_as_promised(app: AnyApp, trained: Trained) -> None:
    rows = trained.repository.golden(app.name, trained.version(app))
    for row in rows:
        assert list(row.outputs) == [spec.name for spec in app.outputs]
        assert all(value is not None and np.isfinite(value) for values in row.outputs.values() for value in values)


def test_the_version_carries_its_evidence(app: AnyApp, trained: Trained) -> None:
    manifest = trained.repository.verify(app.name, trained.version(app))
    assert manifest.synthetic
    assert manifest.gate
    assert all(check.passed for check in manifest.gate)
    assert any(metric.baseline is not None and metric.gain_low is not None for metric in manifest.metrics)
    assert {line.pair for line in manifest.parity} >= {"native/onnxruntime", "native/triton"}
    assert all(line.rows >= 1000 for line in manifest.parity if line.pair.startswith("native/"))


def test_triton_would_take_the_version(app: AnyApp, trained: Trained) -> None:
    """The generated configuration fits the graph as strictly as NVIDIA's backend compares them."""
    trained.version(app)
    found = lint(trained.repository.root, [app.name])
    assert [sentence(one) for one in found.findings] == []


def test_a_broken_golden_row_is_noticed(app: AnyApp, trained: Trained, tmp_path: Path) -> None:
    """The replay is no rubber stamp: one feature changed by a hundredth is found."""
    from serving.kernel.storage.version_files import Refused

    async def use(loaded: LoadedVersion) -> None:
        rows = trained.repository.golden(app.name, loaded.number)
        name = app.inputs[0].name
        values = [0.0 if value is None else value + 0.01 for value in rows[0].features[name]]
        planted = msgspec.structs.replace(rows[0], features={**rows[0].features, name: values})
        with pytest.raises(Refused, match=r"golden row 0: feature tensor"):
            await replay(loaded, [planted, *rows[1:]])

    trained.with_loaded(app, use)
