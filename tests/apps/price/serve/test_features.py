from __future__ import annotations

import datetime
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.schema import GROUPS, Observation, PriceContext, PriceQuestion
from apps.price.serve.columns import FEATURES, WINDOW
from apps.price.serve.features import compute, encode
from tests.apps.price.plainly import plainly
from tests.apps.price.windows import CONTEXT, full_windows, question, questions

COLUMN = {name: index for index, name in enumerate(FEATURES)}


def features(asked: PriceQuestion, context: PriceContext = CONTEXT) -> np.ndarray:
    return encode([asked], context)["features"][0]


def scaled(asked: PriceQuestion, factor: float) -> PriceQuestion:
    history = tuple(
        msgspec.structs.replace(
            seen, price=seen.price * factor, reference=None if seen.reference is None else seen.reference * factor
        )
        for seen in asked.history
    )
    return msgspec.structs.replace(asked, history=history)


@given(st.lists(questions(), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_encode_gives_one_row_of_numbers_for_each_question(asked: list[PriceQuestion]) -> None:
    encoded = encode(asked, CONTEXT)["features"]
    assert encoded.shape == (len(asked), len(FEATURES))
    assert encoded.dtype == np.float32
    assert not np.isinf(encoded).any()


@given(questions(), st.sets(st.sampled_from(GROUPS)))
@settings(max_examples=300, deadline=None)
def test_features_are_what_their_names_say(asked: PriceQuestion, groups: set[str]) -> None:
    context = msgspec.structs.replace(CONTEXT, groups=tuple(groups))
    plain = plainly(asked, context)
    assert plain.keys() == set(FEATURES)
    wanted = np.array([plain[name] for name in FEATURES])
    np.testing.assert_allclose(features(asked, context), wanted, rtol=1e-6, atol=1e-7)


@given(st.lists(questions(), min_size=2, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_row_does_not_depend_on_the_rows_beside_it(asked: list[PriceQuestion]) -> None:
    together = encode(asked, CONTEXT)["features"]
    for row, alone in enumerate(asked):
        assert together[row].tobytes() == features(alone).tobytes()


@pytest.mark.parametrize("together", [1, 7, 100])
def test_plain_rows_do_not_depend_on_the_rows_beside_them(together: int) -> None:
    windows = full_windows(259)
    few = [compute(windows.rows(slice(start, start + together))) for start in range(0, 259, together)]
    assert compute(windows).tobytes() == np.concatenate(few).tobytes()


def test_no_questions_give_no_rows() -> None:
    assert encode([], CONTEXT)["features"].shape == (0, len(FEATURES))


@given(questions(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_history_does_not_matter(asked: PriceQuestion, random: object) -> None:
    shuffled = list(asked.history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = msgspec.structs.replace(asked, history=tuple(shuffled))
    assert features(again).tobytes() == features(asked).tobytes()


@given(questions(), st.floats(0.01, 100))
@settings(deadline=None)
def test_the_scale_of_the_prices_does_not_matter(asked: PriceQuestion, factor: float) -> None:
    np.testing.assert_allclose(features(scaled(asked, factor)), features(asked), atol=2e-6)


@given(questions(), st.sampled_from([0.25, 2.0, 1024.0]))
@settings(deadline=None)
def test_a_power_of_two_changes_almost_no_bit(asked: PriceQuestion, factor: float) -> None:
    np.testing.assert_allclose(features(scaled(asked, factor)), features(asked), atol=1e-7)


@given(questions(least=95))
@settings(deadline=None)
def test_days_beyond_the_window_do_not_matter(asked: PriceQuestion) -> None:
    cut = msgspec.structs.replace(asked, history=asked.history[-WINDOW:])
    assert features(cut).tobytes() == features(asked).tobytes()


def test_nothing_is_missing_where_the_history_is_full() -> None:
    assert full_windows(200).horizon.max() < WINDOW
    computed = compute(full_windows(200))
    assert not np.isnan(computed).any()


@given(questions(least=1, most=1))
@settings(deadline=None)
def test_one_day_is_enough(asked: PriceQuestion) -> None:
    row = features(asked)
    known = [
        "horizon",
        "mean_7",
        "median_5",
        "low_90",
        "high_90",
        "observations",
        "month",
        "harvest",
        "target_sin",
    ]
    assert not np.isnan(row[[COLUMN[name] for name in known]]).any()
    assert row[COLUMN["observations"]] == 1
    assert np.isnan(row[COLUMN["momentum_1"]])


def test_means_momentum_and_volatility_are_what_they_say() -> None:
    prices = np.exp(np.random.default_rng(1).normal(7, 0.2, 100))
    row = features(question(prices.tolist()))
    logs = np.log(prices / prices[-1])
    steps = np.diff(np.log(prices))
    for span in (7, 30, 90):
        assert row[COLUMN[f"mean_{span}"]] == pytest.approx(logs[-span:].mean(), abs=1e-6)
        assert row[COLUMN[f"spread_{span}"]] == pytest.approx(logs[-span:].std(), abs=1e-6)
        # The window's 90 prices have 89 steps between them.
        recent = steps[-min(span, 89) :]
        assert row[COLUMN[f"volatility_{span}"]] == pytest.approx(np.sqrt((recent**2).mean()), abs=1e-6)
        assert row[COLUMN[f"turbulence_{span}"]] == pytest.approx(np.abs(recent).mean(), abs=1e-6)
    for lag in (1, 2, 3, 5, 10, 20, 40, 89):
        assert row[COLUMN[f"momentum_{lag}"]] == pytest.approx(np.log(prices[-1] / prices[-1 - lag]), abs=1e-6)
    assert row[COLUMN["median_5"]] == pytest.approx(np.median(logs[-5:]), abs=1e-6)
    assert row[COLUMN["low_30"]] == pytest.approx(logs[-30:].min(), abs=1e-6)
    assert row[COLUMN["high_90"]] == pytest.approx(logs[-90:].max(), abs=1e-6)


@pytest.mark.parametrize("horizon", [1, 7, 30])
def test_the_dispersion_is_of_moves_over_the_horizon(horizon: int) -> None:
    prices = np.exp(np.random.default_rng(2).normal(7, 0.2, 90))
    moved = np.abs(np.log(prices[horizon:] / prices[:-horizon]))
    found = features(question(prices.tolist(), horizon=horizon))[COLUMN["dispersion"]]
    assert found == pytest.approx(max(moved.mean(), moved[-30:].mean()), abs=1e-6)


def test_moves_are_unknown_where_the_history_is_not_longer_than_the_horizon() -> None:
    assert np.isnan(features(question([1000.0] * 7, horizon=7))[COLUMN["dispersion"]])
    assert features(question([1000.0] * 8, horizon=7))[COLUMN["dispersion"]] == 0


def test_the_reference_is_compared_with_the_price() -> None:
    asked = question([1000.0] * 9 + [1100.0])
    row = features(asked)
    references = np.array([seen.reference for seen in asked.history], dtype=float)
    premium = np.log(np.array([seen.price for seen in asked.history]) / references)
    assert row[COLUMN["reference"]] == pytest.approx(-premium[-1], abs=1e-6)
    assert row[COLUMN["premium_7"]] == pytest.approx(premium[-1] - premium[-7:].mean(), abs=1e-6)
    assert row[COLUMN["reference_momentum_3"]] == pytest.approx(np.log(references[-1] / references[-4]), abs=1e-6)


def test_arrivals_that_are_not_reported_are_missing_not_zero() -> None:
    asked = question([1000.0] * 20)
    silent = tuple(msgspec.structs.replace(seen, arrival=None) for seen in asked.history)
    row = features(msgspec.structs.replace(asked, history=silent))
    assert np.isnan(row[[COLUMN["arrival"], COLUMN["arrival_7"], COLUMN["arrival_90"]]]).all()
    assert row[COLUMN["arrival_reported"]] == 0
    assert features(asked)[COLUMN["arrival_reported"]] == 1


@given(st.lists(st.integers(1, 60), min_size=2, max_size=90))
def test_gaps_are_in_calendar_days(steps: list[int]) -> None:
    row = features(question([1000.0] * len(steps), steps))
    assert row[COLUMN["gap"]] == steps[-1]
    assert row[COLUMN["gap_7"]] == pytest.approx(np.mean(steps[1:][-7:]), rel=1e-6)
    assert row[COLUMN["observations"]] == len(steps)


def test_the_extremes_a_question_may_hold_stay_finite() -> None:
    lowest, highest = 0.01, 10_000_000.0
    history = tuple(
        Observation(
            date=datetime.date(1990, 1, 1) + datetime.timedelta(days=400 * number),
            price=lowest if number % 2 else highest,
            arrival=1_000_000.0 * (number % 2),
            reference=highest if number % 2 else lowest,
        )
        for number in range(90)
    )
    row = features(question([1.0], history=history, horizon=30))
    assert np.isfinite(row[~np.isnan(row)]).all()


def test_only_the_horizon_the_target_day_and_the_moves_know_how_far_ahead() -> None:
    windows = full_windows(50)
    later = replace(windows, horizon=np.full(50, 30))
    changed = {FEATURES[column] for column in np.flatnonzero((compute(later) != compute(windows)).any(axis=0))}
    assert changed <= {"horizon", "dispersion", "target_sin", "target_cos", "target_month", "harvest"}
