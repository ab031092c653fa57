from __future__ import annotations

import pytest

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.workloads import OPEN_CONTESTANTS, WORKLOADS, choose, sessions, threads_of
from benchmarks.load.wire import WIRES
from benchmarks.setup.place import BenchmarkError


def test_everything_named_exists() -> None:
    for contestant in CONTESTANTS.values():
        assert set(contestant.doors.values()) <= WIRES.keys()
    for workload in WORKLOADS.values():
        assert set(workload.contestants) <= CONTESTANTS.keys()
        assert all(workload.door in CONTESTANTS[name].doors for name in workload.contestants)
    assert set(OPEN_CONTESTANTS) <= CONTESTANTS.keys()


def test_a_contestant_is_started_once_per_model() -> None:
    made = sessions(choose([]), [])
    keys = [(item.contestant.name, item.model) for item in made]
    assert len(set(keys)) == len(keys)
    assert {name for name, model in keys if model == "autoencoder"} == CONTESTANTS.keys()
    assert [name for name, model in keys if model == "price"] == ["slipway"]
    (own,) = (item for item in made if (item.contestant.name, item.model) == ("slipway", "autoencoder"))
    assert [item.name for item in own.workloads] == ["json", "binary", "binary64", "grpc"]


def test_a_few_can_be_picked() -> None:
    (made,) = sessions(choose(["xgb64"]), ["triton"])
    assert (made.contestant.name, [item.name for item in made.workloads]) == ("triton", ["xgb64"])


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchmarkError, match="no workload 'x'; there are: json,"):
        choose(["x"])
    with pytest.raises(BenchmarkError, match="no contestant 'x'; there are: slipway,"):
        sessions(choose([]), ["x"])


def test_only_the_slow_model_gets_every_core() -> None:
    assert threads_of("autoencoder") == threads_of("xgb500") == 1
    assert threads_of("minilm") >= 1
