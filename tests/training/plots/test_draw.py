from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from training.plots.draw import draw
from training.recipe import Evaluation


def rows(slices: int = 30, each: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    actual = random.uniform(500, 4000, slices * each)
    spread = np.repeat(np.linspace(80, 400, slices), each)
    predicted = actual + random.normal(size=len(actual)) * spread
    return pd.DataFrame(
        {
            "actual": actual,
            "predicted": predicted,
            "baseline": actual + 1.3 * spread * random.normal(size=len(actual)),
            "slice": np.repeat(np.arange(1, slices + 1), each),
            "low": predicted - 1.28 * spread,
            "high": predicted + 1.28 * spread,
        }
    )


def test_every_picture_is_drawn_when_there_is_data_for_it(tmp_path: Path) -> None:
    importance = {f"feature_{n}": float(n) for n in range(40)}
    paths = draw(tmp_path / "plots", Evaluation(metrics=(), rows=rows()), importance, "INR per quintal")
    assert [path.name for path in paths] == [
        "predicted_vs_actual.png",
        "error_by_slice.png",
        "feature_importance.png",
        "coverage_by_slice.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 8000 for path in paths)


def test_only_what_the_rows_allow_is_drawn(tmp_path: Path) -> None:
    bare = rows(2, 10).drop(columns=["slice", "low", "high"])
    assert [path.name for path in draw(tmp_path, Evaluation(metrics=(), rows=bare), {})] == [
        "predicted_vs_actual.png"
    ]


def test_probabilities_get_pictures_of_their_own(tmp_path: Path) -> None:
    made = rows(2, 50).assign(actual=1.0, predicted=0.6, baseline=0.5)
    paths = draw(tmp_path, Evaluation(metrics=(), rows=made, kind="probabilities"), {"size": 1.0})
    assert {"reliability.png", "precision_recall.png", "feature_importance.png"} <= {path.name for path in paths}
    assert "predicted_vs_actual.png" not in {path.name for path in paths}
