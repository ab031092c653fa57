"""What the gate answers to noise, to a faint signal, to a rule worse than chance, and to a perfect rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.struggle.schema import DAYS
from apps.struggle.train.data import GROUPS
from apps.struggle.train.report import evaluation, gate
from serving.kernel.scores import sigmoid

FLAGS = "beats flagging at random, all days"
RULE = {"beats the rule, all days", *(f"beats the rule, day {day}" for day in DAYS)}
COST = "no worse than the rule, flags of all days"


def rows(signal: float, rule: float = 0.0, students: int = 500, off: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Students whose outcome depends on a fact with the weight `signal`; the model knows it, and the weight.

    The rule gives it the weight `rule`. Stated probabilities are too high by `off`.
    """
    random = np.random.default_rng(seed)
    fact = random.normal(size=students)
    actual = (random.random(students) < sigmoid(signal * fact)).astype(int)
    parts = []
    for day in DAYS:
        spread = [0.2 * random.normal(size=students) for _ in range(2)]
        stated = np.clip(sigmoid(signal * fact + spread[0]) + off, 0.001, 0.999)
        ruled = sigmoid(rule * fact + spread[1])
        part = pd.DataFrame({"actual": actual, "student": np.arange(students), "predicted": stated})
        part = part.assign(baseline=ruled, predicted_flag=stated >= 0.5, baseline_flag=ruled >= 0.5, day=day)
        parts.append(part.assign(**{name: "N" for name in GROUPS}))
    return pd.concat(parts, ignore_index=True).astype({"predicted_flag": int, "baseline_flag": int})


def failed(made: pd.DataFrame) -> set[str]:
    return {check.name for check in gate(evaluation(made, seed=7)) if not check.passed}


def test_a_model_that_knows_more_than_the_rule_passes() -> None:
    assert failed(rows(2.0, rule=0.3)) == set()


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_refused(seed: int) -> None:
    found = failed(rows(0.0, seed=seed))
    assert FLAGS in found and "beats the rule, all days" in found


def test_a_faint_signal_is_refused_where_it_may_be_chance() -> None:
    assert RULE & failed(rows(0.15, students=200))


def test_a_model_without_signal_does_not_pass_because_the_rule_is_worse_than_chance() -> None:
    """The outcome follows a fact that the model does not know and that the rule reads the wrong way round."""
    made = rows(1.5, rule=-1.5)
    lottery = rows(0.0, seed=9)[["predicted", "predicted_flag"]]
    found = failed(made.assign(**{name: lottery[name] for name in lottery}))
    assert not RULE & found
    assert found >= {FLAGS}


def test_flags_that_cost_more_than_the_rules_are_refused() -> None:
    made = rows(2.0, rule=2.0)
    assert COST not in failed(made)
    assert COST in failed(made.assign(predicted_flag=1 - made["predicted_flag"]))


def test_a_perfect_rule_passes() -> None:
    made = rows(2.0)
    assert failed(made.assign(predicted=0.02 + 0.96 * made["actual"], predicted_flag=made["actual"])) == set()


@pytest.mark.parametrize("students", [60, 300])
def test_calibration_is_judged_beside_what_chance_gives(students: int) -> None:
    honest = [failed(rows(2.0, students=students, seed=seed)) for seed in range(3)]
    assert sum("calibration" in names for names in honest) == 0
    if students >= 200:
        assert "calibration" in failed(rows(0.5, students=students, off=0.25))
