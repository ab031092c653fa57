from __future__ import annotations

import json

import grpc
import pytest

from serving.edge.error_responses import (
    WrongMethod,
    error_answer,
    grpc_code,
    headers_of,
    problem,
    type_of,
    v2_error,
)
from serving.kernel import errors
from serving.kernel.call import Call
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
    assert ("retry-after" in headers_of(error)) == (kind.status in (429, 503))


def test_retry_after() -> None:
    assert headers_of(Overloaded("full", retry_after=7)) == {"retry-after": "7"}


def test_a_wrong_method_lists_those_there_are() -> None:
    assert headers_of(WrongMethod("PATCH", ("GET", "HEAD"))) == {"allow": "GET, HEAD"}


@pytest.mark.parametrize(
    ("door", "given", "expected"),
    [
        ("v1", "[0].market", {"field": "$.instances[0].market"}),
        ("v1", "$.limit", {"field": "$.limit"}),
        ("v2", "$.inputs", {"error": "$.inputs: must be 1"}),
    ],
)
def test_each_door_has_its_form(door: str, given: str, expected: dict[str, str]) -> None:
    answer = error_answer(Invalid(given, "must be 1"), Call("r", 0.0, door))
    assert answer.status == 422 and expected.items() <= json.loads(answer.body).items()
