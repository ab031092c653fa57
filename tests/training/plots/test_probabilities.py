from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.measures.classification import average_precision
from training.plots.probabilities import plots


def rows(count: int = 2000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    risk = random.beta(1, 6, count)
    actual = random.random(count) < risk
    table = {"actual": actual, "predicted": risk, "baseline": np.full(count, actual.mean())}
    return pd.DataFrame({**table, "slice": np.where(np.arange(count) % 2, "by air", "by sea")})


def test_every_picture_there_is_data_for_is_drawn() -> None:
    assert list(plots(rows())) == ["reliability", "precision_recall", "error_by_slice"]
    assert list(plots(rows().drop(columns="slice"))) == ["reliability", "precision_recall"]


def test_the_reliability_of_a_calibrated_model_lies_on_the_diagonal() -> None:
    axes = plots(rows(20000))["reliability"].axes[0]
    lines = {line.get_label(): np.asarray(line.get_data()) for line in axes.get_lines()}
    assert set(lines) == {"model", "naive baseline", "exact"}
    stated, seen = lines["model"]
    assert np.abs(stated - seen).max() < 0.04
    assert axes.get_xlim() == axes.get_ylim()


def test_precision_and_recall_say_the_mean_and_chance() -> None:
    made = rows()
    axes = plots(made)["precision_recall"].axes[0]
    words = " ".join(text.get_text() for text in axes.get_legend().get_texts())
    mean = average_precision(made["actual"].to_numpy(), made["predicted"].to_numpy())
    assert f"model, mean {mean:.3f}" in words
    assert f"chance, {made['actual'].mean():.3f}" in words


def test_the_error_by_slice_is_the_brier_score() -> None:
    made = rows()
    axes = plots(made)["error_by_slice"].axes[0]
    wanted = made.assign(error=(made["actual"] - made["predicted"]) ** 2).groupby("slice")["error"].mean()
    assert [bar.get_height() for bar in axes.patches[:2]] == pytest.approx(wanted.tolist())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_class_only_is_drawn_too(share: float) -> None:
    assert len(plots(rows(50).assign(actual=share))) == 3
