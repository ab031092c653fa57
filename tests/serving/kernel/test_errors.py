from __future__ import annotations

import pickle

import grpc
import pytest

from serving.kernel import errors


def tree() -> list[type[errors.SlipwayError]]:
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
def test_every_error_owns_its_statuses(kind: type[errors.SlipwayError]) -> None:
    assert issubclass(kind, errors.SlipwayError)
    assert hasattr(grpc.StatusCode, kind.grpc_status)
    if issubclass(kind, errors.ClientError):
        assert 400 <= kind.status < 500
    else:
        assert kind.status >= 500


def test_statuses_are_those_promised() -> None:
    found = {kind.__name__: kind.status for kind in tree()}
    assert {name: found[name] for name in ("Malformed", "NotFound", "TooLarge", "Invalid")} == {
        "Malformed": 400,
        "NotFound": 404,
        "TooLarge": 413,
        "Invalid": 422,
    }
    assert {found["BackendFailed"], found["Overloaded"], found["NotReady"], found["DeadlineExceeded"]} == {
        500,
        503,
        504,
    }


def test_errors_cross_process_boundaries_whole() -> None:
    copy = pickle.loads(pickle.dumps(errors.Invalid("$.a", "must be 1")))
    assert (copy.field, copy.reason, str(copy)) == ("$.a", "must be 1", "$.a: must be 1")
    assert pickle.loads(pickle.dumps(errors.Overloaded("full"))).retry_after == 1
    rejected = pickle.loads(pickle.dumps(errors.RowsRejected("unknown", "n")))
    assert (rejected.reason, rejected.node) == ("unknown", "n")
    assert str(rejected) == str(errors.RowsRejected("else"))
