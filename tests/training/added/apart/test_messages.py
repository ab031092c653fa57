from __future__ import annotations

import pickle

import pytest

from training.added.apart.messages import failed
from training.added.errors import AddError
from training.added.graphs.engine import EngineFailed
from training.errors import BadValue


@pytest.mark.parametrize(
    ("cause", "kind", "said"),
    [
        (AddError("it is no model"), AddError, "it is no model"),
        (EngineFailed("Add failed"), AddError, "the model failed while it was inspected: Add failed"),
        (MemoryError(), AddError, "the model needs more memory than is free here"),
        (BadValue(3, "age", "x", "a number"), BadValue, "row 3, column 'age': found 'x'; expected a number"),
    ],
)
def test_an_error_arrives_as_it_was_raised(cause: Exception, kind: type[Exception], said: str) -> None:
    error = pickle.loads(pickle.dumps(failed(cause))).error()
    assert (type(error), str(error)) == (kind, said)
    assert error.__dict__.get("row") == getattr(cause, "row", None)


def test_a_bug_keeps_its_traceback() -> None:
    try:
        raise KeyError("nowhere")
    except KeyError as cause:
        error = pickle.loads(pickle.dumps(failed(cause))).error()
    assert isinstance(error, KeyError)
    assert "test_a_bug_keeps_its_traceback" in error.__notes__[0]
