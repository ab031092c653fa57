"""Every implementation in the process satisfies the protocols; tests of the replica check the one behind Ray."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.kernel.app_values import Batching
from serving.kernel.errors import Unavailable
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.tensors import Arrays
from serving.models.backends.factory import Backends
from serving.models.batching.batch_kinds import QuestionBatches, TensorBatches
from serving.models.batching.batcher import Batcher
from serving.observe.metrics import Metrics
from tests.serving import toy
from tests.serving.models.conformance import check_backend, check_batch_kind
from tests.serving.models.numbers import Ask, Model, Numbers

TENSORS = TensorBatches(toy.app.inputs, toy.app.outputs)
QUESTIONS = QuestionBatches(toy.app, toy.Context())
ROWS = {"features": np.array([[1, 2], [3, 4]], np.float32)}
UNEVEN = {**ROWS, "more": np.zeros((3, 1), np.float32)}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "values.yaml").write_text("{}")
    monkeypatch.setattr(type(toy.app), "folder", tmp_path)
    toy.write_version(tmp_path / "models", 1)
    return Settings(home=tmp_path / "home", model_repository=tmp_path / "models")


async def check(settings: Settings, kind: Any, payload: Any, bad: list[Any]) -> Any:
    repository = Repository(settings.model_repository)
    backends = Backends(settings, repository, Metrics(), {})
    try:
        backend = await backends.open(toy.app, repository.manifest("toy", 1))
        return await check_backend(backend, kind, payload, bad)
    finally:
        await backends.close()


def test_onnx_runtime_in_the_process(settings: Settings) -> None:
    found: Arrays = asyncio.run(
        check(settings, TENSORS, ROWS, [UNEVEN, {"features": np.zeros((1, 3), np.float32)}])
    )
    assert found["total"].tolist() == [[3.0], [7.0]]
    asked = [toy.Question(1.0, 2.0)]
    answers = asyncio.run(check(settings, QUESTIONS, asked, [[toy.Question(2e6)]]))
    assert answers == [toy.Answer(3.0)]


def test_a_triton_that_cannot_be_reached(settings: Settings, unused_port: int) -> None:
    away = Settings(
        home=settings.home,
        model_repository=settings.model_repository,
        backend="triton",
        triton_url=f"127.0.0.1:{unused_port}",
    )
    assert isinstance(asyncio.run(check(away, TENSORS, ROWS, [UNEVEN])), Unavailable)


@pytest.mark.parametrize("error", [ValueError("secret"), MemoryError(), asyncio.CancelledError()])
def test_a_batcher_whose_model_raises(error: BaseException) -> None:
    async def main() -> Any:
        return await check_backend(Batcher(Model(error=error), Batching()), Numbers(), Ask([1]), [Ask([None])])  # type: ignore[list-item]

    assert "secret" not in str(asyncio.run(main()))


def test_kinds_of_batches() -> None:
    rows = [np.arange(2 * count, dtype=np.float32).reshape(count, 2) for count in (1, 3, 5)]

    def run(inputs: Arrays) -> Arrays:
        return {"total": inputs["features"].sum(axis=1, keepdims=True)}

    check_batch_kind(
        TENSORS,
        [{"features": array} for array in rows],
        run,
        lambda one, other: bool(np.array_equal(one["total"], other["total"])),
    )
    questions = [[toy.Question(*map(float, row)) for row in array] for array in rows]
    check_batch_kind(QUESTIONS, questions, run, lambda one, other: bool(one == other))
