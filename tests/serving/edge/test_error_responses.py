from __future__ import annotations

import json
import logging

import grpc
import pytest

from serving.edge.error_responses import HIDDEN, grpc_code, headers_of, problem, to_error, type_of, v2_error
from serving.kernel import errors
from serving.kernel.errors import Invalid, Overloaded, SlipwayError

TREE = [getattr(errors, name) for name in errors.__all__]


def made(kind: type[SlipwayError]) -> SlipwayError:
    return Invalid("$.x", "must be 1") if kind is Invalid else kind("words")


@pytest.mark.parametrize("kind", TREE)
def test_every_error_has_every_form(kind: type[SlipwayError]) -> None:
    error = made(kind)
    document = json.loads(problem(error, "r-1").body)
    assert document["type"] == type_of(kind) and document["title"] == kind.title
    assert (document["status"], document["detail"], document["request_id"]) == (kind.status, error.message, "r-1")
    assert ("field" in document) == (kind is Invalid)
    assert json.loads(v2_error(error).body) == {"error": error.message}
    assert isinstance(grpc_code(error), grpc.StatusCode)
    assert ("retry-after" in headers_of(error)) == (kind.status == 503)


def test_a_stranger_is_hidden_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        error = to_error(KeyError("secret"), "r-9")
    assert (type(error), error.message, error.status) == (SlipwayError, HIDDEN, 500)
    assert caplog.records[0].fields == {"request_id": "r-9"}  # type: ignore[attr-defined]
    assert "secret" in caplog.text


def test_the_cause_of_a_server_fault_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = errors.BackendFailed("could not run")
    error.__cause__ = RuntimeError("deep inside")
    with caplog.at_level(logging.ERROR):
        assert to_error(error, "r") is error
        assert to_error(Invalid("$", "no"), "r").status == 422
    assert "deep inside" in caplog.text and len(caplog.records) == 1


def test_retry_after() -> None:
    assert headers_of(Overloaded("full", retry_after=7)) == {"retry-after": "7"}
