"""Folders that only Triton can run, with one private Triton for all tests of this file."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from serving.kernel.app_values import Batching
from serving.kernel.call import Call
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import decode_golden
from serving.kernel.tensors import Arrays
from serving.models.backends.triton_server.channel import TritonChannel, open_triton
from serving.models.batching.batch_kinds import TensorBatches
from tests.training.added.folders import folders
from tests.training.added.publish.killed import Ending
from tests.training.added.truth.made import dataset, rows
from training.added.add import add, prepared
from training.added.build import Built, Wanted
from training.added.errors import AddError
from training.added.folders import build
from training.added.folders.config import tensors
from training.added.folders.engine import ran, served
from training.added.folders.read import read_folder
from training.added.folders.write import Placed, placed, write_models
from training.added.plan import Overrides
from training.added.truth.given import take_truth
from training.progress import Silent
from training.registry.mlflow_registry import Registry

MODELS = ("whole", "sums", "dice", "cross")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.repository(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def models(given: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Placed]:
    """The models of all folders, as Triton gets them."""
    found: dict[str, Placed] = {}
    for name in MODELS:
        folder = tmp_path_factory.mktemp(name) / "servable"
        write_models(name, read_folder(given / name), folder)
        found |= placed(name, folder)
    return found


@pytest.fixture(scope="module")
def url(models: dict[str, Placed]) -> Iterator[str]:
    with served(models) as found:
        yield found


@pytest.fixture(autouse=True)
def one_triton(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a Triton takes three seconds, so all tests have the same one."""

    @contextmanager
    def running(models: dict[str, Placed]) -> Iterator[str]:
        yield url

    monkeypatch.setattr(build, "served", running)


def wanted(folder: Path, **more: Any) -> Wanted:
    return Wanted(name=folder.name, path=folder, source=folder.name, **more)


def proved(asked: Wanted, tmp_path: Path) -> Built:
    (tmp_path / "servable").mkdir()
    return build.build_folder(asked, tmp_path / "servable", Silent())


def golden(folder: Path) -> list[Any]:
    return decode_golden((folder / "golden.jsonl").read_bytes())


def test_an_ensemble_with_python_code_that_calls_a_model_is_proved_and_published(
    given: Path, tmp_path: Path, registry: Registry
) -> None:
    root = tmp_path / "models"
    sample = pd.DataFrame({"a": [1.0, 2.0], "b": [0.5, 0.0], "c": [0.0, 1.0]})
    asked = wanted(given / "whole", sample=sample)
    with prepared(asked, Silent()) as made:
        pairs = {line.pair for line in made.built.manifest.parity}
        shutil.copytree(made.folder, tmp_path / "copy")
        with pytest.raises(KeyboardInterrupt):
            add(replace(made, folder=tmp_path / "copy"), registry, root, Ending("after", "Ctrl-C"))
        assert list(root.iterdir()) == [], "the models that it uses are gone, too"
        done = add(made, registry, root, Silent())
    assert pairs == {"triton/again", "triton/one at a time"}
    assert (made.built.app.triton_platform, made.built.app.triton_backend) == ("ensemble", "")
    there = Repository(root)
    manifest = there.verify("whole", 1)
    assert there.models() == ["linear", "twice", "whole"]
    assert {"config.pbtxt", "parts/linear/1/model.onnx", "parts/twice/1/model.py"} <= manifest.files.keys()
    assert [msgspec.json.decode(row.answer) for row in there.golden("whole", 1)] == [
        {"once": 2.0, "twice": 4.0},
        {"once": 5.0, "twice": 10.0},
    ]
    assert "backend: triton" in (root / "whole" / "values.yaml").read_text()
    assert (root / "whole" / "config.pbtxt").read_bytes() == (root / "whole" / "1" / "config.pbtxt").read_bytes()
    assert any("Triton runs code for it: twice is Python code" in note for note in done.manifest.notes)
    assert registry.versions("whole")[0].run_id == manifest.run_id


@pytest.mark.parametrize(("factor", "failed"), [(2, []), (1, ["beats the mean or the median"])])
def test_a_model_of_triton_is_judged_on_known_answers(given: Path, factor: float, failed: list[str]) -> None:
    """Its answer is twice the amount: where that is asked for, it is good, and else no better than the mean."""
    frame = rows(100).assign(amount=lambda found: factor * found["amount"])
    sample, truth = take_truth(dataset(frame), "amount", time="day")
    asked = wanted(given / "twice", sample=sample[["a", "b", "c", *truth.aside]], aside=truth.aside)
    with prepared(asked, Silent(), truth) as made:
        assert made.judged is not None and made.built.context.judged
        assert [check.name for check in made.judged.checks if not check.passed] == failed
        assert made.built.manifest.rows == {"baseline": 50, "held_out": 50}
        assert (made.built.app.triton_backend, made.built.values.backend) == ("python", "triton")


def test_a_model_without_a_row_axis_is_asked_row_by_row(given: Path, tmp_path: Path, url: str) -> None:
    made = proved(wanted(given / "sums"), tmp_path)
    assert (made.context.row_axis, made.context.alone) == (False, "config.pbtxt has max_batch_size: 0")
    shapes = [spec.shape for spec in (*made.manifest.inputs, *made.manifest.outputs)]
    assert shapes == [(-1, 2, -1), (-1, 2), (-1, 1)]
    for row in golden(tmp_path / "servable"):
        (x,) = msgspec.json.decode(row.question).values()
        sums, answer = np.sum(x, axis=1), msgspec.json.decode(row.answer)
        assert row.outputs["sums"] == pytest.approx(sums, abs=1e-5)
        assert answer["kind"] == "row" and answer["label"] == ("second" if sums[1] > sums[0] else "first")
    rows = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    answers = asyncio.run(through_the_gateway(url, made.app, {"x": rows}))
    np.testing.assert_allclose(answers["sums"], rows.sum(axis=2))


async def through_the_gateway(url: str, app: Any, inputs: Arrays) -> Arrays:
    channel = TritonChannel(url)
    single = Batching(max_rows=1)
    backend = open_triton(channel, app.name, 1, app.inputs, app.outputs, single, row_axis=app.row_axis)
    try:
        kind = TensorBatches(app.inputs, app.outputs)
        found: Arrays = await backend.submit(kind, inputs, Call("test", time.monotonic() + 20))
        return found
    finally:
        await backend.close()
        await channel.close()


def test_answers_that_change_from_run_to_run_are_refused(given: Path, tmp_path: Path) -> None:
    asked = wanted(given / "dice", overrides=Overrides(alone=True))
    with pytest.raises(AddError, match="the output 'y' of the same row is another one each time"):
        proved(asked, tmp_path)


def test_requests_have_at_most_the_rows_that_the_model_takes(given: Path, url: str) -> None:
    graph = read_folder(given / "linear").model.config
    ins, outs = tensors(graph, "input"), tensors(graph, "output")
    rows = {"x": np.arange(60, dtype=np.float32).reshape(20, 3)}
    with ran(url, "linear", ins, outs, 8) as run:
        np.testing.assert_allclose(run(rows)["y"], rows["x"] @ [[1], [2], [3]])
    with ran(url, "linear", ins, outs, 9) as run, pytest.raises(RuntimeError, match="batch.size"):
        run(rows)


def test_what_the_configuration_does_not_allow_is_refused(given: Path, tmp_path: Path, url: str) -> None:
    graph = read_folder(given / "linear").model.config
    ins, (y,) = tensors(graph, "input"), tensors(graph, "output")
    rows = {"x": np.ones((2, 3), np.float32)}
    with ran(url, "linear", ins, [replace(y, datatype="FP64")], 8) as run:
        with pytest.raises(AddError, match=r"the output 'y' is FP32; config\.pbtxt says FP64"):
            run(rows)
    with ran(url, "linear", ins, [replace(y, shape=("rows", 2))], 8) as run:
        with pytest.raises(AddError, match=r"'y' has the shape \[2, 1\] for 2 rows; config\.pbtxt says \[2, 2\]"):
            run(rows)
    with pytest.raises(AddError, match="names the output 'lost', and the model's answer does not have it"):
        proved(wanted(given / "cross"), tmp_path)


def test_rows_that_depend_on_each_other_share_no_batch_in_triton_either(given: Path, tmp_path: Path) -> None:
    config = given / "cross" / "config.pbtxt"
    config.write_text("".join(line for line in config.read_text().splitlines(True) if "lost" not in line))
    made = proved(wanted(given / "cross"), tmp_path)
    assert "depends on the other rows of its batch" in made.context.alone
    assert made.values.batching.max_rows == 1
    assert "dynamic_batching" not in (tmp_path / "servable" / "config.pbtxt").read_text()
    assert "max_batch_size: 4" in (tmp_path / "servable" / "config.pbtxt").read_text()


def test_a_folder_that_batches_cannot_be_one_row(given: Path, tmp_path: Path) -> None:
    asked = wanted(given / "whole", overrides=Overrides(batch=False))
    said = "batch is false, but config.pbtxt has max_batch_size: 8"
    with pytest.raises(AddError, match=said):
        proved(asked, tmp_path)


def test_triton_leaves_the_folders_as_they_are(models: dict[str, Placed], url: str) -> None:
    _, _, folder = models["sums"]
    assert {path.name for path in folder.rglob("*")} == {"__pycache__", "config.pbtxt", "model.py"}
    assert (folder / "__pycache__").is_file()


def test_a_model_that_writes_into_its_folder_is_refused(
    given: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def writing(models: dict[str, Placed]) -> Iterator[str]:
        (models["sums"][2] / "log.txt").write_text("started")
        yield url

    monkeypatch.setattr(build, "served", writing)
    with pytest.raises(AddError, match="writes log.txt into its own folder"):
        proved(wanted(given / "sums"), tmp_path)
