"""Models that were added from a file, of whatever shape: the same answers alone, in a batch and by Triton."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto

from control.lint.triton.lint import lint
from control.lint.triton.output import sentence
from serving.kernel.call import Call
from serving.kernel.errors import Invalid
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.models.backends.factory import Backends
from serving.models.loaded_version import LoadedVersion
from serving.models.loader import load
from serving.observe.metrics import Metrics
from tests.trained import predict
from tests.training.added.models import node, save, value
from training.added.add import prepared
from training.added.build import Wanted
from training.onnx import triton
from training.progress import Silent
from training.publish import added_files, repository, servable

pytestmark = pytest.mark.slow

T = TypeVar("T")
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
SHAPES: dict[str, tuple[str, ...]] = {
    "classes": ("a", "b", "c"),
    "several": (),
    "words": (),
    "lengths": (),
    "alone": (),
}
"""Name -> columns of the sample; none without a sample."""


def graph(name: str, path: Path) -> Path:
    """The file of a shape."""
    match name:
        case "classes":
            weights = np.arange(6, dtype=np.float32).reshape(3, 2) / 7
            nodes = [node("MatMul", ["x", "w"], ["s"]), node("Softmax", ["s"], ["p"], axis=1)]
            return save(path, nodes, [value("x", FLOAT, ["n", 3])], [value("p", FLOAT, ["n", 2])], {"w": weights})
        case "several":
            nodes = [node("Add", ["a", "b"], ["sum"]), node("Sub", ["a", "b"], ["rest"])]
            a, b, total, rest = (value(one, FLOAT, ["n"]) for one in ("a", "b", "sum", "rest"))
            return save(path, nodes, [a, b], [total, rest])
        case "words":
            codes = {"keys_strings": ["a", "row"], "values_int64s": [1, 2], "default_int64": -1}
            nodes = [node("LabelEncoder", ["word"], ["code"], domain="ai.onnx.ml", **codes)]
            return save(path, nodes, [value("word", STRING, ["n", 1])], [value("code", INT64, ["n", 1])])
        case "lengths":
            table = np.arange(40, dtype=np.float32).reshape(10, 4) / 9
            nodes = [node("Gather", ["table", "ids"], ["e"]), node("ReduceSum", ["e", "axis"], ["y"], keepdims=0)]
            inputs, outputs = [value("ids", INT64, ["n", "length"])], [value("y", FLOAT, ["n", 4])]
            return save(path, nodes, inputs, outputs, {"table": table, "axis": np.array([1])})
        case _:
            nodes = [node("ReduceMean", ["x"], ["mean"], keepdims=0)]
            return save(path, nodes, [value("x", FLOAT, [3, 2])], [value("mean", FLOAT, [])])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one version of each shape, without a registry."""
    folder = tmp_path_factory.mktemp("added")
    rng = np.random.default_rng(3)
    for name, columns in SHAPES.items():
        path = graph(name, folder / f"{name}.onnx")
        sample = pd.DataFrame(rng.normal(size=(20, 3)), columns=list(columns)) if columns else None
        labels = ("no", "yes") if name == "classes" else ()
        wanted = Wanted(name=name, path=path, source=path.name, sample=sample, labels=labels, triton=False)
        with prepared(wanted, Silent()) as made:
            sealed = servable.seal(made.folder, made.built.manifest)
            added_files.write_config(folder / "models", name, msgspec.structs.replace(sealed, version=1))
            repository.publish(made.folder, folder / "models", name, 1)
    return folder / "models"


@pytest.fixture(scope="module")
def triton_url(models: Path) -> Iterator[str]:
    with triton.running(models) as url:
        yield url


def with_loaded(models: Path, name: str, use: Callable[[LoadedVersion], Awaitable[T]], **settings: Any) -> T:
    """Load the version as a gateway does, which replays its golden rows, and use it."""
    view = Repository(models)

    async def main() -> T:
        backends = Backends(Settings(model_repository=models, **settings), view, Metrics(), {})
        loaded = await load(find_app(name, models), 1, view, backends.open)
        try:
            return await use(loaded)
        finally:
            await loaded.backend.close()
            await backends.close()

    return asyncio.run(main())


def asked(models: Path, loaded: LoadedVersion) -> list[Any]:
    rows = Repository(models).golden(loaded.app.name, 1)
    return [loaded.app.example, *(msgspec.json.decode(row.question, type=loaded.app.question) for row in rows)]


async def each(models: Path, loaded: LoadedVersion) -> list[Any]:
    """The answers to the example and the golden questions, each alone."""
    return msgspec.to_builtins([(await predict(loaded, [one]))[0] for one in asked(models, loaded)])


def leaves(answer: Any) -> list[Any]:
    """The numbers of answers, and texts by their bytes, to be compared with a tolerance."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, str):
        answer = list(answer.encode())
    return [leaf for item in answer for leaf in leaves(item)] if isinstance(answer, list) else [answer]


@pytest.mark.parametrize("name", SHAPES)
def test_a_row_alone_is_the_row_in_a_batch(models: Path, name: str, tmp_path: Path) -> None:
    async def use(loaded: LoadedVersion) -> None:
        rows = asked(models, loaded)
        assert len(rows) > 8
        together = msgspec.to_builtins(await predict(loaded, rows))
        assert leaves(together) == pytest.approx(leaves(await each(models, loaded)), rel=1e-5)
        arrays = [[*msgspec.to_builtins(row).values()] for row in rows]
        if len(arrays[0]) == 1:
            arrays = [row[0] if isinstance(row[0], list) else row for row in arrays]
        positional = [msgspec.convert(row, loaded.app.positional) for row in arrays]
        assert leaves(msgspec.to_builtins(await predict(loaded, positional))) == leaves(together)
        for answer in together:
            msgspec.convert(answer, loaded.app.answer)

    with_loaded(models, name, use, home=tmp_path)


@pytest.mark.parametrize("name", SHAPES)
def test_triton_answers_alike(models: Path, name: str, tmp_path: Path, triton_url: str) -> None:
    async def use(loaded: LoadedVersion) -> list[Any]:
        return await each(models, loaded)

    here = with_loaded(models, name, use, home=tmp_path)
    there = with_loaded(models, name, use, home=tmp_path, backend="triton", triton_url=triton_url)
    assert leaves(there) == pytest.approx(leaves(here), rel=1e-4)


def test_a_value_that_a_model_refuses_fails_alone_and_alike(models: Path, tmp_path: Path, triton_url: str) -> None:
    async def use(loaded: LoadedVersion) -> list[Any]:
        rows = [msgspec.convert({"ids": [1, one]}, loaded.app.question) for one in (2, 99, 3)]
        apart = [
            loaded.backend.submit(loaded.questions, [row], Call("test", time.monotonic() + 60)) for row in rows
        ]
        first, bad, last = await asyncio.gather(*apart, return_exceptions=True)
        assert len(first) == len(last) == 1
        with pytest.raises(Invalid) as caught:
            await loaded.backend.submit(loaded.questions, rows, Call("test", time.monotonic() + 60))
        return [bad.field, caught.value.field, bad.reason, caught.value.reason]

    reason = (
        "the model lengths does not take these values, send others like those it was made for; its node Gather"
    )
    for settings in ({}, {"backend": "triton", "triton_url": triton_url}):
        alone, together, *reasons = with_loaded(models, "lengths", use, home=tmp_path, **settings)
        assert (alone, together) == ("[0].ids", "[1].ids")
        assert all(one.startswith(reason) and "idx=99 must be within" in one for one in reasons)


def test_the_configurations_have_no_mistake(models: Path) -> None:
    report = lint(models)
    assert not report.findings, [sentence(finding) for finding in report.findings]


@pytest.mark.parametrize("name", SHAPES)
def test_a_question_survives_a_round_trip_and_unknown_and_missing_columns_are_named(
    models: Path, name: str
) -> None:
    app = find_app(name, models)
    record = msgspec.to_builtins(app.example)
    assert msgspec.json.decode(msgspec.json.encode(app.example), type=app.question) == app.example
    with pytest.raises(msgspec.ValidationError, match="no_such_column"):
        msgspec.convert({**record, "no_such_column": 1}, app.question)
    for column in record:
        with pytest.raises(msgspec.ValidationError, match=f"`{column}`"):
            msgspec.convert({key: value for key, value in record.items() if key != column}, app.question)
