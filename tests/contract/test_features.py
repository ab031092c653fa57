"""The feature functions: pure, the same for a row alone as among others, and of the promised type and shape."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from serving.kernel.errors import Invalid
from serving.kernel.storage.version_manifest import GoldenRow, row_of
from serving.kernel.tensors import Arrays, numpy_dtype
from serving.models.loaded_version import LoadedVersion
from tests.contract.requests import load_cases
from tests.trained import AnyApp, Trained

pytestmark = pytest.mark.slow


def golden(app: AnyApp, trained: Trained) -> tuple[list[GoldenRow], list[Any], Any]:
    """Golden rows, their questions, and the version's context."""
    version = trained.version(app)
    rows = trained.repository.golden(app.name, version)
    context = msgspec.json.decode(trained.repository.manifest(app.name, version).context, type=app.context)
    return rows, [msgspec.json.decode(row.question, type=app.question) for row in rows], context


def bits(arrays: Arrays) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


def test_the_same_questions_give_the_same_bits(app: AnyApp, trained: Trained) -> None:
    _, questions, context = golden(app, trained)
    before = msgspec.json.encode(questions)
    assert bits(app.features(questions, context)) == bits(app.features(questions, context))
    assert msgspec.json.encode(questions) == before


def test_a_row_alone_is_the_row_in_a_batch(app: AnyApp, trained: Trained) -> None:
    _, questions, context = golden(app, trained)
    batch = app.features(questions, context)
    for index, question in enumerate(questions):
        alone = app.features([question], context)
        assert bits(alone) == bits({name: array[index : index + 1] for name, array in batch.items()}), index


def test_the_size_of_the_batch_does_not_matter(app: AnyApp, trained: Trained) -> None:
    """Whatever is computed at once inside: as many rows as training has, and as many as a full batch."""
    _, questions, context = golden(app, trained)
    few = app.features(questions, context)
    for copies in (2, 20):
        many = app.features(questions * copies, context)
        assert bits(many) == bits({name: np.concatenate([array] * copies) for name, array in few.items()})


def test_shapes_and_types_are_those_of_the_manifest(app: AnyApp, trained: Trained) -> None:
    _, questions, context = golden(app, trained)
    arrays = app.features([*questions, app.example], context)
    assert list(arrays) == [spec.name for spec in app.inputs]
    for spec in app.inputs:
        array = arrays[spec.name]
        assert array.dtype == numpy_dtype(spec.datatype)
        assert array.shape[0] == len(questions) + 1
        for want, have in zip(spec.shape[1:], array.shape[1:], strict=True):
            assert want in (-1, have)
        if array.dtype.kind == "f":
            assert not np.isinf(array).any()
    width = arrays[app.inputs[0].name].shape[-1]
    assert len(set(app.feature_names)) == len(app.feature_names) == width


def test_serving_computes_what_training_stored(app: AnyApp, trained: Trained) -> None:
    rows, questions, context = golden(app, trained)
    arrays = app.features(questions, context)
    for index, row in enumerate(rows):
        assert row_of(arrays, index) == row.features, index


def test_the_order_of_the_rows_is_kept(app: AnyApp, trained: Trained) -> None:
    _, questions, context = golden(app, trained)
    forward, backward = (app.features(order, context) for order in (questions, questions[::-1]))
    assert bits(forward) == bits({name: array[::-1] for name, array in backward.items()})


def test_refused_questions_name_row_and_field(app: AnyApp, trained: Trained) -> None:
    async def use(loaded: LoadedVersion) -> None:
        for case in load_cases(app):
            if case.kind == "refused":
                fine, bad = case.questions(app)
                for before in (0, 2):
                    with pytest.raises(Invalid) as error:
                        app.features([fine] * before + [bad], loaded.context)
                    assert error.value.field == case.expect.path.replace("[0]", f"[{before}]", 1), case.name
                    assert error.value.reason

    trained.with_loaded(app, use)
