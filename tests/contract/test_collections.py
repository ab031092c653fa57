"""What every app that keeps a collection holds: its types, its functions and the encoder of its version."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from serving.kernel.collection import EMBEDDING, Collection
from serving.kernel.find_app import find_apps
from serving.kernel.storage.version_manifest import ENCODER_NAME
from serving.models.loaded_version import LoadedVersion
from tests.trained import AnyApp, Trained, predict

LONGEST = 480
"""Numbers of a vector beyond which PostgreSQL moves it out of its row."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    apps = [app for app in find_apps() if app.collection is not None]
    metafunc.parametrize("keeper", apps, ids=[app.name for app in apps])


def collection_of(app: AnyApp) -> Collection[object, object]:
    assert app.collection is not None
    return app.collection


def test_the_name_is_a_path_segment_of_its_own(keeper: AnyApp) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{1,39}", collection_of(keeper).name)
    assert collection_of(keeper).name != "versions"
    assert collection_of(keeper).width <= LONGEST


def test_a_record_survives_a_round_trip_and_has_an_id(keeper: AnyApp) -> None:
    kept = collection_of(keeper)
    record = kept.example
    assert msgspec.json.decode(msgspec.json.encode(record), type=kept.record) == record
    assert isinstance(record.id, str)  # type: ignore[attr-defined]
    with pytest.raises(msgspec.ValidationError, match="no_such_field"):
        msgspec.convert({**msgspec.to_builtins(record), "no_such_field": 1}, kept.record)


def test_a_question_without_records_is_short_and_completed(keeper: AnyApp) -> None:
    kept = collection_of(keeper)
    assert not kept.is_short(keeper.example)
    whole = kept.complete(keeper.example, [kept.example])
    assert isinstance(whole, keeper.question)
    assert not kept.is_short(whole)
    assert not kept.is_short(kept.complete(keeper.example, []))
    assert len(kept.record_keys(kept.example)) == len(kept.question_keys(keeper.example))


def test_both_sides_are_encoded_from_the_same_tensors(keeper: AnyApp) -> None:
    kept = collection_of(keeper)
    record, question = kept.of_records([kept.example] * 2), kept.of_questions([keeper.example] * 2)
    assert list(record) == list(question) == [spec.name for spec in kept.inputs]
    for name in record:
        assert record[name].dtype == question[name].dtype
        assert record[name].shape == question[name].shape


@pytest.mark.slow
def test_the_version_has_a_verified_encoder_that_took_part_in_parity(keeper: AnyApp, trained: Trained) -> None:
    manifest = trained.repository.verify(keeper.name, trained.version(keeper))
    assert ENCODER_NAME in manifest.files
    line = next(line for line in manifest.parity if line.output == EMBEDDING)
    assert line.rows >= 1000
    assert line.max_error <= line.tolerance

    async def use(loaded: LoadedVersion) -> None:
        assert loaded.encoder is not None
        kept = collection_of(keeper)
        alone, several = loaded.encoder.records([kept.example]), loaded.encoder.records([kept.example] * 100)
        np.testing.assert_allclose(several, np.repeat(alone, 100, axis=0), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-4)
        # Nothing found is an answer too, alone and beside others.
        empty = kept.complete(keeper.example, [])
        answers = await predict(loaded, [empty, keeper.example])
        assert answers[0] == (await predict(loaded, [empty]))[0]
        assert answers[1] == (await predict(loaded, [keeper.example]))[0]

    trained.with_loaded(keeper, use)
