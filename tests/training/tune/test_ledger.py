from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tune.conftest import Heard, runs_below
from training.errors import RegistryError
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import TrialResult
from training.tune.ledger import Ledger


def trial(number: int, **more: object) -> TrialResult:
    given = {
        "number": number,
        "state": "finished",
        "params": {"eta": 0.1},
        "value": 2.0,
        "cost": 2.0,
        "ended": 1.8e9,
    }
    return TrialResult(**{**given, **more})  # type: ignore[arg-type]


def test_a_trial_is_a_run_below_the_version_s(registry: Registry) -> None:
    parent = registry.start("toy", "toy", {})
    ledger, heard = Ledger(registry, "toy", "s", parent, "mae/far away, 7"), Heard()
    ledger.write(trial(0, rounds=9, seconds=4.0), heard)
    ledger.write(trial(1, state="failed", value=None, cost=None, reason="ValueError: no"), heard)
    first, second = runs_below(registry, parent)
    assert first.data.params == {"eta": "0.1"}
    assert first.data.metrics == {"mae/far away_ 7": 2.0, "rounds": 9.0, "seconds": 4.0}
    assert first.info.end_time - first.info.start_time == 4000
    assert (first.info.status, second.info.status) == ("FINISHED", "FAILED")
    assert (second.data.tags["slipway.state"], second.data.tags["slipway.reason"]) == ("failed", "ValueError: no")
    assert heard.lines == []


def test_nothing_is_logged_twice_and_runs_follow_the_search(registry: Registry) -> None:
    from mlflow import MlflowClient

    killed = registry.start("toy", "toy", {})
    Ledger(registry, "toy", "s", killed, "mae").write(trial(0), Heard())
    half = {"mlflow.parentRunId": killed, "slipway.search": "s", "slipway.trial": "1"}
    registry.start("toy", "half logged", half)
    other = Ledger(registry, "toy", "another search", killed, "mae")
    other.write(trial(0), Heard())
    parent = registry.start("toy", "toy", {})
    ledger = Ledger(registry, "toy", "s", parent, "mae")
    assert ledger.logged == {0}
    ledger.complete([trial(0), trial(1)])
    assert [run.data.tags["slipway.trial"] for run in runs_below(registry, parent)] == ["0", "1"]
    assert [run.data.tags["slipway.search"] for run in runs_below(registry, killed)] == ["another search"]
    closed = MlflowClient(registry.tracking_uri).get_run(killed)
    assert closed.info.status == "FAILED" and parent in closed.data.tags["slipway.reason"]


def test_a_registry_that_goes_away_gets_the_trials_at_the_end(registry: Registry, unused_port: int) -> None:
    parent, heard = registry.start("toy", "toy", {}), Heard()
    ledger = Ledger(registry, "toy", "s", parent, "mae")
    ledger.write(trial(0), heard)
    ledger.registry = Registry(f"http://127.0.0.1:{unused_port}")
    ledger.write(trial(1), heard)
    ledger.write(trial(2), heard)
    assert len(heard.lines) == 1 and "logged at the end" in heard.lines[0]
    with pytest.raises(RegistryError, match="2 trials could not be logged; they are kept"):
        ledger.complete(map(trial, range(3)))
    ledger.registry = registry
    ledger.complete(map(trial, range(3)))
    assert len(runs_below(registry, parent)) == 3


def test_an_app_without_runs_has_no_trials(registry: Registry, tmp_path: Path) -> None:
    assert registry.adopt_trials("nobody", "s", "parent") == set()
