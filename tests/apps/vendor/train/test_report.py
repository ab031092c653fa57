from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.vendor.train.history import NOTICES
from apps.vendor.train.report import GATED, WATCHED, evaluation, gate, judged, slice_of
from training.measures.chance import part_of


def rows(skill: float, baseline_skill: float, count: int = 3000, weeks: int = 40) -> pd.DataFrame:
    """Answers of a model and a baseline that know the risk so well, 0 to 1."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2.0, count)
    notice = np.resize(NOTICES, count)

    def stated(known: float) -> np.ndarray:
        noisy = known * odds + (1 - known) * rng.normal(0, 2.0, count)
        return 1 / (1 + np.exp(-noisy))

    return pd.DataFrame(
        {
            "actual": (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float),
            "predicted": stated(skill),
            "baseline": stated(baseline_skill),
            "flagged": (odds > 2).astype(float),
            "baseline_flagged": (odds > 3).astype(float),
            "notice": notice,
            "from_stock": rng.random(count) < 0.5,
            "week": rng.integers(0, weeks, count),
            "slice": [slice_of(one) for one in notice],
        }
    )


def passed(made: pd.DataFrame) -> dict[str, bool]:
    return {check.name: check.passed for check in gate(evaluation(made, seed=1))}


def test_a_better_model_passes() -> None:
    assert all(passed(rows(0.9, 0.3)).values())


def test_a_model_the_baseline_beats_is_refused_and_told_why() -> None:
    checks = gate(evaluation(rows(0.3, 0.9), seed=1))
    own = [check for check in checks if check.name.startswith(("beats the vendor", "Brier score"))]
    assert len(own) == 3 and not any(check.passed for check in own)
    assert checks[0].reason == "the vendor's own share is at least as good"


def test_a_gain_that_may_be_chance_is_refused() -> None:
    made = rows(0.6, 0.3, count=240)
    made["predicted"] = np.where(made["week"] == 1, made["predicted"], made["baseline"])
    checks = gate(evaluation(made, seed=1))
    assert checks[0].reason in ("the gain may be chance", "the vendor's own share is at least as good")


def refused(made: pd.DataFrame) -> set[str]:
    return {name for name, good in passed(made).items() if not good}


VENDORS = "beats the late share of all vendors, 1 day ahead"
RANDOM = {f"beats drawing at random, {slice_of(notice)}" for notice in (GATED, *WATCHED)}


def test_a_model_without_signal_does_not_pass_because_the_vendors_shares_are_noise() -> None:
    """Lateness that follows nothing: one share for all is better than each vendor's own, and is no signal."""
    made = rows(0.0, 0.0)
    noise = np.random.default_rng(3)
    made["actual"] = (noise.random(len(made)) < 0.2).astype(float)
    made["predicted"] = 0.2 + 0.001 * noise.random(len(made))
    made["baseline"] = np.clip(noise.normal(0.2, 0.1, len(made)), 0.01, 0.99)
    found = refused(made)
    assert "beats the vendor's own share, 1 day ahead" not in found
    assert found >= {VENDORS} and len(found & RANDOM) >= 2


def test_a_faint_signal_passes_where_it_is_shown_and_not_where_it_may_be_chance() -> None:
    def faint(count: int) -> pd.DataFrame:
        made, draw = rows(0.0, 0.0, count=count), np.random.default_rng(5)
        fact = draw.normal(size=count)
        made["predicted"] = 1 / (1 + np.exp(1.4 - 0.3 * fact))
        made["actual"] = (draw.random(count) < made["predicted"]).astype(float)
        made["flagged"] = (fact > 1.3).astype(float)
        return made.assign(baseline=np.clip(draw.normal(0.21, 0.05, count), 0.01, 0.99))

    assert refused(faint(240)) & {VENDORS, *RANDOM}
    assert refused(faint(20_000)) == set()


def test_a_perfect_rule_passes() -> None:
    made = rows(0.9, 0.3)
    assert refused(made.assign(predicted=0.01 + 0.98 * made["actual"], flagged=made["actual"])) == set()


def test_alerts_worse_than_a_lottery_are_refused_and_none_at_all_are_not() -> None:
    made = rows(0.9, 0.3)
    wrong = refused(made.assign(flagged=(made["predicted"] < 0.1).astype(float)))
    assert wrong == {f"no worse than drawing at random, {slice_of(notice)}, high risk" for notice in WATCHED}
    assert refused(made.assign(flagged=0.0)) == set()


def test_a_test_part_that_is_too_short_is_refused() -> None:
    check = gate(evaluation(rows(0.9, 0.3, weeks=3), seed=1))[0]
    assert not check.passed
    assert "too short" in check.reason


def test_a_part_of_one_outcome_is_refused_not_crashed_on() -> None:
    check = gate(evaluation(rows(0.9, 0.3).assign(actual=0.0), seed=1))[0]
    assert not check.passed
    assert check.measured == "nothing"


def test_every_measure_stands_beside_the_baseline() -> None:
    made = evaluation(rows(0.8, 0.4), seed=1)
    assert made.kind == "probabilities"
    bare = {metric.name for metric in made.metrics if metric.baseline is None}
    assert bare == {"share_flagged", "share_actual"}
    with_interval = {(metric.name, metric.slice) for metric in made.metrics if metric.gain_low is not None}
    days = [slice_of(notice) for notice in NOTICES]
    chance = {(name, part_of(part)) for name in ("average_precision", "brier") for part in days}
    chance |= {("precision", part_of(f"{slice_of(notice)}, high risk")) for notice in WATCHED}
    assert with_interval == chance | {(name, part) for name in ("auroc", "brier") for part in days}
    assert {slice_of(notice) for notice in NOTICES} <= {metric.slice for metric in made.metrics}
    assert slice_of(GATED) == "1 day ahead"


def test_answers_are_put_beside_the_truth() -> None:
    days = pd.to_datetime(["2020-01-08", "2020-02-01"])
    tidy = pd.DataFrame({"scheduled": days, "asked": days - pd.Timedelta(days=7), "late": [1.0, 0.0]})
    outputs = {
        "probability": np.array([[0.7], [0.2]], np.float32),
        "excess": np.array([[0.5, 0.1], [0.0, -0.4]], np.float32),
        "vendor_rate": np.array([[0.3], [0.1]], np.float32),
    }
    found = judged(tidy.assign(fulfilment=["stock", "direct"]), outputs, 0.2)
    assert found["flagged"].tolist() == found["baseline_flagged"].tolist() == [1.0, 0.0]
    assert found["baseline"].tolist() == pytest.approx([0.3, 0.1])
    assert found["slice"].tolist() == ["7 days ahead"] * 2
    assert found["from_stock"].tolist() == [True, False]
