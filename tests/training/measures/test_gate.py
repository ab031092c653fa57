from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from serving.kernel.storage.version_manifest import Check, Metric, Parity
from tests.training.toy import Toy
from training.errors import GateRefused
from training.measures import gate
from training.recipe import Evaluation


def evaluation(value: float = 0.1, baseline: float | None = 1.0) -> Evaluation:
    return Evaluation(metrics=(Metric(name="mae", value=value, baseline=baseline),), rows=pd.DataFrame())


def test_a_good_version_passes() -> None:
    checks = gate.judge(Toy(), pd.DataFrame({"a": [1]}), evaluation())
    assert all(check.passed for check in checks)
    gate.refuse(checks)


def test_a_failed_check_is_refused_with_its_reason() -> None:
    checks = gate.judge(Toy(), pd.DataFrame({"a": [1]}), evaluation(0.9))
    with pytest.raises(GateRefused, match="half the baseline's error: the naive baseline is too close") as refusal:
        gate.refuse(checks)
    assert refusal.value.exit_code == 3
    assert refusal.value.checks == checks


def test_forbidden_columns_and_broken_metrics_fail() -> None:
    assert not gate.check_columns(Toy(), pd.DataFrame({"y_tomorrow": [1]})).passed
    assert not gate.check_metrics(evaluation(float("nan"))).passed
    assert "baseline" in gate.check_metrics(evaluation(baseline=None)).reason


@pytest.mark.parametrize(
    ("better", "value", "low", "reason"),
    [
        ("lower", 0.5, 0.1, ""),
        ("lower", 0.5, -0.1, "the gain may be chance"),
        ("lower", 1.5, -0.1, "the naive one is at least as good"),
        ("higher", 1.5, 0.1, ""),
        ("higher", 1.5, 0.0, "the gain may be chance"),
        ("higher", 0.5, -0.1, "the naive one is at least as good"),
        ("lower", 0.5, None, "the test part is too short for a bootstrap interval"),
    ],
)
def test_a_gain_counts_when_its_whole_interval_does(
    better: str, value: float, low: float | None, reason: str
) -> None:
    high = None if low is None else 0.2
    metric = Metric(name="m", value=value, baseline=1.0, better=better, gain_low=low, gain_high=high)
    check = gate.beats("the naive one, far away", "M", metric, digits=1)
    assert (check.name, check.passed, check.reason) == ("beats the naive one, far away", not reason, reason)
    gain = "no interval" if low is None else f"gain {low:.1f} to 0.2"
    assert check.measured == f"M {value} beside 1.0; {gain}"


def test_a_gain_over_nothing_does_not_count() -> None:
    for metric in (None, Metric(name="m", value=0.5, gain_low=0.1, gain_high=0.2)):
        check = gate.beats("the naive one", "M", metric)
        assert not check.passed and check.measured == "nothing" and check.reason


def test_outputs_that_are_not_finite_fail_only_among_held_out_rows() -> None:
    outputs = {"y": np.array([[1.0], [2.0], [np.inf]], np.float32)}
    assert gate.check_finite(outputs, 2).passed
    failed = gate.check_finite(outputs, 3)
    assert not failed.passed
    assert failed.measured == "1 of 3 rows not finite"


@pytest.mark.parametrize(("error", "flips", "passed"), [(1e-5, 0, True), (1e-3, 0, False), (1e-5, 1, False)])
def test_parity_lines_become_checks(error: float, flips: int, passed: bool) -> None:
    line = Parity(
        pair="a/b", output="y", rows=9, max_error=error, p50=0, p99=0, tolerance=1e-4, worst_row=4, flips=flips
    )
    (check,) = gate.check_parity([line])
    assert isinstance(check, Check)
    assert check.passed is passed
    assert ("row 4" in check.reason) is not passed


@pytest.mark.parametrize("passed", [True, False])
def test_a_check_has_a_reason_where_it_fails(passed: bool) -> None:
    check = gate.verdict("coverage", passed, "0.7", "0.8 to 0.9", "the interval is too narrow")
    assert (check.name, check.passed, check.measured, check.required) == ("coverage", passed, "0.7", "0.8 to 0.9")
    assert check.reason == ("" if passed else "the interval is too narrow")


@pytest.mark.parametrize(
    ("low", "high", "passed"), [(-0.2, 0.1, True), (0.1, 0.2, True), (-0.2, -0.1, False), (None, None, True)]
)
def test_no_worse_is_what_the_whole_interval_does_not_deny(
    low: float | None, high: float | None, passed: bool
) -> None:
    metric = Metric(name="m", value=0.5, baseline=0.6, better="higher", gain_low=low, gain_high=high)
    check = gate.no_worse("the naive one, far away", "M", metric, digits=1)
    assert (check.name, check.passed) == ("no worse than the naive one, far away", passed)
    assert check.reason == ("" if passed else "the naive one is better")
    gain = "no interval" if low is None else f"gain {low:.1f} to {high:.1f}"
    assert check.measured == f"M 0.5 beside 0.6; {gain}"


def test_columns_that_look_like_leaks_are_named_and_may_be_allowed() -> None:
    tidy = pd.DataFrame(
        {"a": np.random.default_rng(1).normal(size=99), "lot": range(99), "y": np.arange(99.0) % 7}
    )
    refused = gate.check_suspects(Toy(), tidy, ())
    assert not refused.passed and refused.reason == "column 'lot' is an identifier: it numbers the rows"
    allowed = gate.check_suspects(Toy(), tidy, ("lot",))
    assert allowed.passed and allowed.measured == "lot (allowed)"
    assert gate.check_suspects(Toy(), tidy.drop(columns="lot"), ()).measured == "none"
