"""What every app that keeps a collection promises; the search itself is tested with the store."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from serving.kernel.app import App
from serving.kernel.find_app import find_apps
from tests.serving.lotter.app import app as lotter

LARGEST_WIDTH = 480
"""PostgreSQL would store longer vectors outside of the table."""
APPS = [lotter, *(app for app in find_apps() if app.collection is not None)]


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_records_and_questions_fit_the_encoder(app: App[Any, Any, Any]) -> None:
    collection = app.collection
    assert collection is not None
    assert 0 < collection.width <= LARGEST_WIDTH
    assert collection.candidates > 0
    asked = [app.example] * 3
    for arrays, rows in (
        (collection.of_records([collection.example] * 2), 2),
        (collection.of_questions(asked), 3),
    ):
        assert list(arrays) == [spec.name for spec in collection.inputs]
        assert {len(array) for array in arrays.values()} == {rows}


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_keys_of_records_and_questions_correspond(app: App[Any, Any, Any]) -> None:
    collection = app.collection
    assert collection is not None
    record, question = collection.record_keys(collection.example), collection.question_keys(app.example)
    assert len(record) == len(question)
    assert all(key is None or isinstance(key, str) for key in (*record, *question))


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_a_short_question_is_completed_to_one_that_is_not(app: App[Any, Any, Any]) -> None:
    collection = app.collection
    assert collection is not None
    assert isinstance(collection.example, collection.record)
    assert isinstance(collection.example.id, str)
    whole = collection.complete(app.example, [collection.example])
    assert not collection.is_short(whole)
    again = msgspec.json.decode(msgspec.json.encode(whole), type=app.question)
    assert not collection.is_short(again)
    assert not collection.is_short(collection.complete(app.example, []))


def test_the_example_is_encoded_as_finite_numbers() -> None:
    for app in APPS:
        assert app.collection is not None
        for array in app.collection.of_records([app.collection.example]).values():
            assert array.dtype.kind != "f" or np.isfinite(array).all()
