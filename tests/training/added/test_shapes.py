"""Models of the shapes that people have answer through every door as ONNX Runtime alone does with their files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pytest
from tritonclient.utils import InferenceServerException

from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays
from serving.models.backends.onnx_local import runner
from tests.serving.models.models import call
from tests.training.added.gateway import Gateway, serving
from tests.training.added.shapes.networks import NETWORKS
from tests.training.added.shapes.shape import Shape
from tests.training.added.shapes.tables import TABLES
from training.added.build import Built, Wanted, build
from training.added.golden import question_of
from training.progress import Silent
from training.publish import repository, servable

SHAPES = (*TABLES, *NETWORKS)
SHAPES_BY_NAME = {shape.name: shape for shape in SHAPES}
FREE = {"source": 7, "target": 3}
"""Sizes of free axes other than those with which the model was inspected; 7 for other inputs."""


@dataclass
class Served:
    """The models, the files that they come from, and a gateway that serves them."""

    gateway: Gateway
    files: Path
    built: dict[str, Built]

    def truth(self, shape: Shape, rows: Arrays) -> list[dict[str, Any]]:
        """Each row's outputs by the file alone, as the graph has them, without a row axis."""
        session = ort.InferenceSession(self.files / f"{shape.name}.onnx", providers=["CPUExecutionProvider"])
        ranks = {item.name: len(item.shape) for item in session.get_inputs()}
        found = []
        for index in range(len(next(iter(rows.values())))):
            taken = {
                name: array[[index]] if ranks[name] == array.ndim else np.asarray(array[index])
                for name, array in rows.items()
            }
            outputs = runner(session)(taken)
            served = {spec.name: len(spec.shape) for spec in self.built[shape.name].manifest.outputs}
            found.append({name: _row(value, served[name]) for name, value in outputs.items()})
        return found


def _row(value: Any, axes: int) -> Any:
    """One row of an output; the maps of a ZipMap are the scores in the order of their keys."""
    if isinstance(value, list):
        value = np.array([[one[key] for key in sorted(one)] for one in value])
    if np.ndim(value) == axes:
        assert len(value) == 1
        return value[0]
    return value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("shapes")
    files, root = place / "files", place / "models"
    files.mkdir()
    built = {}
    for shape in SHAPES:
        path, folder = files / f"{shape.name}.onnx", place / "servable" / shape.name
        folder.mkdir(parents=True)
        shape.make(path)
        sample = shape.sample() if shape.sample is not None else None
        wanted = Wanted(name=shape.name, path=path, source=path.name, triton=False, sample=sample, **shape.wanted)
        built[shape.name] = build(wanted, folder, Silent())
        servable.seal(folder, built[shape.name].manifest)
        settings = msgspec.yaml.encode(built[shape.name].values)
        repository.write_app_files(root, shape.name, {"values.yaml": settings})
        repository.publish(folder, root, shape.name, 1)
    with serving(root, place) as gateway:
        yield Served(gateway, files, built)


def variants(built: Built) -> list[Arrays]:
    """Rows as they were made, and rows with other sizes on the free axes."""
    made = [{name: array[:3] for name, array in built.rows.items()}]
    specs = {spec.name: spec for spec in built.manifest.inputs}
    if any(-1 in spec.shape[1:] for spec in specs.values()):
        made.append(
            {name: _resized(array, specs[name].shape, FREE.get(name, 7)) for name, array in made[0].items()}
        )
    return made


def _resized(array: np.ndarray[Any, Any], shape: tuple[int, ...], size: int) -> np.ndarray[Any, Any]:
    sizes = [size if free == -1 and axis else array.shape[axis] for axis, free in enumerate(shape)]
    return np.resize(array, sizes)


def check(found: Any, wanted: Any, tolerance: float) -> None:
    assert np.shape(found) == np.shape(wanted)
    if np.asarray(wanted).dtype.kind in "OSU":
        texts = [one.decode() if isinstance(one, bytes) else one for one in np.asarray(found).reshape(-1).tolist()]
        assert texts == np.asarray(wanted).reshape(-1).tolist()
    else:
        left, right = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_its_rows_share_batches_where_they_can(served: Served, shape: Shape) -> None:
    context = served.built[shape.name].context
    assert shape.alone in context.alone and bool(shape.alone) == bool(context.alone)
    assert context.labels == shape.labels


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_records_are_answered_as_the_file_answers(served: Served, shape: Shape) -> None:
    built = served.built[shape.name]
    for rows in variants(built):
        objects = [
            question_of(built.context.columns, rows, index) for index in range(len(next(iter(rows.values()))))
        ]
        whole = len(objects[0]) == 1 and isinstance(next(iter(objects[0].values())), list)
        arrays = [next(iter(one.values())) if whole else list(one.values()) for one in objects]
        truth = served.truth(shape, rows)
        for instances in (objects, arrays, objects[:1]):
            answers = served.gateway.predict(shape.name, instances)
            for answer, wanted in zip(answers, truth, strict=False):
                if shape.labels:
                    label, scores = wanted.values()
                    assert answer["label"] == str(label)
                    assert list(answer["probabilities"]) == list(shape.labels)
                    check(list(answer["probabilities"].values()), scores, 1e-4)
                    continue
                assert answer.keys() == wanted.keys()
                for name, value in wanted.items():
                    plain = (
                        np.reshape(value, ()) if np.shape(value) == (1,) and np.ndim(answer[name]) == 0 else value
                    )
                    check(answer[name], plain, built.context.tolerance)


@pytest.mark.parametrize("door", ["json", "binary", "grpc"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_tensors_are_answered_as_the_file_answers(served: Served, shape: Shape, door: str) -> None:
    built = served.built[shape.name]
    for rows in variants(built):
        # Answers whose sizes depend on the row cannot be one tensor.
        several = {name: array[:1] for name, array in rows.items()} if shape.name == "detector" else rows
        found = served.gateway.infer(door, shape.name, built.manifest.inputs, several)
        for index, wanted in enumerate(served.truth(shape, several)):
            assert found.keys() == wanted.keys()
            for name, value in wanted.items():
                check(found[name][index], value, built.context.tolerance)


def test_the_example_of_the_document_is_a_question(served: Served) -> None:
    status, document = served.gateway.ask("/openapi.json")
    assert status == 200
    for shape in SHAPES:
        post = document["paths"][f"/v1/models/{shape.name}:predict"]["post"]
        example = post["requestBody"]["content"]["application/json"]["example"]
        assert served.gateway.ask(f"/v1/models/{shape.name}:predict", example)[0] == 200


def test_lengths_that_must_agree_are_named(served: Served) -> None:
    row = {"input_ids": [1, 2, 3], "attention_mask": [1, 1]}
    status, problem = served.gateway.ask("/v1/models/encoder:predict", {"instances": [row]})
    assert (status, problem["detail"]) == (
        422,
        "$.instances[0].attention_mask: has 2 values on axis 1; input_ids has 3, and they must agree",
    )


def test_a_value_that_the_model_refuses_is_the_callers_error_at_every_door(served: Served) -> None:
    """An id beyond the table of the encoder, whose signature says nothing of it."""
    gateway, inputs = served.gateway, served.built["encoder"].manifest.inputs
    instances = [{"input_ids": [1, 2, beyond], "attention_mask": [1, 1, 1]} for beyond in (3, 4, 99, 5, 6)]
    status, problem = gateway.ask("/v1/models/encoder:predict", {"instances": instances})
    reason = (
        "the model encoder does not take these values, send others like those it was made for; its node Gather "
        "reports: indices element out of data bounds, idx=99 must be within the inclusive range [-12,11]"
    )
    assert (status, problem["detail"]) == (422, f"$.instances[2].input_ids: {reason}")
    assert (problem["title"], problem["field"]) == ("Invalid field", "$.instances[2].input_ids")
    rows = {name: np.array([one[name] for one in instances]) for name in ("input_ids", "attention_mask")}
    with pytest.raises(
        AssertionError, match=r"\$\.inputs: row 2, input input_ids: the model encoder does not take"
    ):
        gateway.infer("json", "encoder", inputs, rows)
    alone = {name: array[2:3] for name, array in rows.items()}
    for door, said in (("binary", "422"), ("grpc", "StatusCode.INVALID_ARGUMENT")):
        with pytest.raises(InferenceServerException) as caught:
            gateway.infer(door, "encoder", inputs, alone)
        assert (caught.value.status(), caught.value.message()) == (said, f"$.inputs: input input_ids: {reason}")

    async def together() -> list[Any]:
        """One request for each row, all in one batch."""
        loaded = gateway.catalog.resolve("encoder")
        questions = [msgspec.convert(one, loaded.app.question) for one in instances]
        sent = [loaded.backend.submit(loaded.questions, [one], call()) for one in questions]
        return await asyncio.gather(*sent, return_exceptions=True)

    found = asyncio.run_coroutine_threadsafe(together(), gateway.doors.loop).result(30)
    assert isinstance(found.pop(2), Invalid)
    del instances[2]
    assert msgspec.to_builtins([one for (one,) in found]) == gateway.predict("encoder", instances)


def test_a_loop_of_a_request_stops_at_its_deadline_and_holds_up_nobody(served: Served) -> None:
    body = {"instances": [{"x": [1, 2], "rounds": 10**12}]}
    headers = {"x-request-timeout-ms": "300"}
    with ThreadPoolExecutor() as pool:
        endless = pool.submit(served.gateway.ask, "/v1/models/branches:predict", body, **headers)
        assert served.gateway.predict("echo", [[1, 2]]) == [{"y": [-1, -2], "x": [1, 2]}]
        assert endless.result()[0] == 504


def test_answers_of_different_sizes_are_records_and_no_tensor(served: Served) -> None:
    inputs = served.built["detector"].manifest.inputs
    rows = {
        "image": np.concatenate([np.zeros((1, 3, 2, 2), np.float32), served.built["detector"].rows["image"][:1]])
    }
    sizes = [len(one["found"]) for one in served.gateway.predict("detector", rows["image"].tolist())]
    assert sizes == [len(one["found"]) for one in served.truth(SHAPES_BY_NAME["detector"], rows)]
    assert sizes[0] == 0 < sizes[1]
    with pytest.raises(AssertionError, match="differ in size and are no tensor; send one row in a request"):
        served.gateway.infer("json", "detector", inputs, rows)
