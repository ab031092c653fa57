from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.kernel.app import App, FeatureSource, Rows
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.call import Call
from serving.kernel.errors import DeadlineExceeded, Invalid, NotFound, NotReady
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.catalog import Catalog
from serving.models.dataplane import FALLBACK, DataPlane, IndexEntry
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents
from serving.records.lookup import RecordLookup
from tests.serving import toy


def call(seconds: float = 5.0) -> Call:
    return Call("test", time.monotonic() + seconds)


def dataplane(root: Path, served: App[Any, Any, Any] = toy.app, database: RecordLookup | None = None) -> DataPlane:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / "toy" / str(manifest.version) / "model.onnx", app.inputs, Batching())

    catalog = Catalog([served], Repository(root), open_backend, VersionEvents(Metrics()))
    asyncio.run(catalog.refresh())
    return DataPlane(Settings(), catalog, database)


@pytest.fixture
def plane(tmp_path: Path) -> DataPlane:
    toy.write_version(tmp_path, 1)
    toy.write_version(tmp_path, 2, (10.0, 10.0))
    toy.write_aliases(tmp_path, 1)
    return dataplane(tmp_path)


async def ask(
    plane: DataPlane, made: Call, version: int | None, *questions: toy.Question
) -> tuple[int, list[Any]]:
    number, answers = plane.ask(made, "toy", version, questions)
    return number, await answers


def test_questions_become_answers_with_the_version_that_gave_them(plane: DataPlane) -> None:
    questions = [toy.Question(1.0, 2.0), toy.Question(3.0)]
    champion = asyncio.run(ask(plane, call(), None, *questions))
    assert champion == (1, [toy.Answer(3.0), toy.Answer(3.0)])
    pinned = asyncio.run(ask(plane, call(), 2, *questions))
    assert pinned == (2, [toy.Answer(30.0), toy.Answer(30.0)])


def test_requests_that_share_a_batch_fail_alone(plane: DataPlane) -> None:
    async def many() -> list[Any]:
        amounts = ([1.0], [2.0, 2e6], [3.0, 4.0], [5e6])
        asked = [plane.ask(call(), "toy", None, [toy.Question(a) for a in some])[1] for some in amounts]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third, fourth = asyncio.run(many())
    assert first == [toy.Answer(1.0)]
    assert third == [toy.Answer(3.0), toy.Answer(4.0)]
    assert isinstance(second, Invalid) and second.field == "[1].a"
    assert isinstance(fourth, Invalid) and fourth.field == "[0].a"


def test_tensors_become_tensors(plane: DataPlane) -> None:
    async def submit() -> tuple[int, Any]:
        inputs = {"features": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}
        number, outputs = plane.submit(call(), "toy", None, inputs)
        return number, await outputs

    number, outputs = asyncio.run(submit())
    assert (number, outputs["total"].tolist()) == (1, [[3.0], [7.0]])


def test_unknown_names_and_versions(plane: DataPlane) -> None:
    with pytest.raises(NotFound, match="served here: toy"):
        plane.app("nope")
    with pytest.raises(NotFound, match="no version 9"):
        asyncio.run(ask(plane, call(), 9, toy.Question(1.0)))
    with pytest.raises(NotFound, match="does not explain"):
        asyncio.run(plane.explain(call(), "toy", None, [toy.Question(1.0)]))


def test_a_deadline_that_has_passed(plane: DataPlane) -> None:
    with pytest.raises(DeadlineExceeded):
        asyncio.run(ask(plane, call(-1.0), None, toy.Question(1.0)))


def test_metadata_and_index_list_the_versions(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1)
    (toy.write_version(tmp_path, 2) / "extra").touch()
    plane = dataplane(tmp_path)
    metadata = plane.metadata("toy")
    assert metadata.versions == (1,)
    assert metadata.inputs == toy.app.inputs
    assert plane.ready()
    assert plane.model_ready("toy")
    assert not plane.model_ready("toy", 2)
    with pytest.raises(NotReady):
        plane.metadata("toy", 2)
    assert plane.index() == [
        IndexEntry("toy", 1, "READY"),
        IndexEntry("toy", 2, "UNAVAILABLE", "extra is not in the manifest"),
    ]


def double(rows: Rows, question: toy.Question) -> toy.Question:
    return toy.Question(question.a, float(rows("SELECT 2 * :a AS b", {"a": question.a})[0]["b"]))


def guess(questions: Sequence[toy.Question]) -> list[toy.Answer]:
    return [toy.Answer(-question.b) for question in questions]


SHORT = replace(toy.app, source=FeatureSource(is_short=lambda q: q.b == 0, complete=double))


@pytest.fixture
def database() -> Iterator[RecordLookup]:
    made = RecordLookup("sqlite://")
    yield made
    made.close()


def test_short_questions_are_completed_before_they_are_asked(tmp_path: Path, database: RecordLookup) -> None:
    toy.write_version(tmp_path, 1)
    questions = [toy.Question(1.0), toy.Question(1.0, 5.0)]
    plane = dataplane(tmp_path, SHORT, database)
    assert asyncio.run(ask(plane, call(), None, *questions)) == (1, [toy.Answer(3.0), toy.Answer(6.0)])
    alone = dataplane(tmp_path, SHORT)
    assert asyncio.run(ask(alone, call(), None, *questions)) == (1, [toy.Answer(1.0), toy.Answer(6.0)])


def test_a_fallback_answers_while_no_version_is_loaded_and_readiness_is_honest(
    tmp_path: Path, database: RecordLookup
) -> None:
    plane = dataplane(tmp_path, replace(SHORT, fallback=guess), database)
    assert asyncio.run(ask(plane, call(), None, toy.Question(2.0))) == (FALLBACK, [toy.Answer(-4.0)])
    assert not plane.ready() and not plane.model_ready("toy")
    with pytest.raises(NotFound):
        asyncio.run(ask(plane, call(), 1, toy.Question(2.0)))
    with pytest.raises(NotReady):
        plane.submit(call(), "toy", None, {})
    with pytest.raises(NotReady):
        asyncio.run(ask(dataplane(tmp_path), call(), None, toy.Question(2.0)))


def test_a_loaded_version_goes_before_the_fallback(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1)
    plane = dataplane(tmp_path, replace(toy.app, fallback=guess))
    assert asyncio.run(ask(plane, call(), None, toy.Question(2.0, 1.0))) == (1, [toy.Answer(3.0)])
