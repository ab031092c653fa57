from __future__ import annotations

import pickle

import pytest

import slipway_client
from slipway_client import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_survives_a_pickle(name: str) -> None:
    error = getattr(errors, name)("no", status=422, request_id="id")
    for field in ("field", "retry_after"):
        if hasattr(error, field):
            setattr(error, field, "x")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and vars(copy) == vars(error)
    assert str(copy) == "no (request id)"
    assert isinstance(error, errors.SlipwayError)


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = [
        line.split("├── ")[-1].split("└── ")[-1].split()[0]
        for line in str(errors.__doc__).splitlines()
        if "──" in line
    ]
    assert {*drawn, "SlipwayError"} == set(errors.__all__)


def test_the_package_offers_what_its_modules_have() -> None:
    offered = set(slipway_client.__all__)
    assert set(errors.__all__) <= offered
    assert slipway_client.__all__ == sorted(offered)
    assert [name for name in offered if not hasattr(slipway_client, name)] == []
