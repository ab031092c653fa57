from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from training.plots.classes import confusion, f1_by_class, plots
from training.plots.draw import draw
from training.recipe import Evaluation

NAMES = ["A", "B", "C"]


def rows(count: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    actual = rng.choice(NAMES, count)
    wrong = rng.choice(NAMES, count)
    return pd.DataFrame(
        {
            "actual": actual,
            "predicted": np.where(rng.random(count) < 0.8, actual, wrong),
            "baseline": "B",
            "confidence": rng.uniform(0.4, 1.0, count),
        }
    )


def test_a_run_of_classes_gets_its_pictures_and_none_of_values(tmp_path: Path) -> None:
    paths = draw(tmp_path / "plots", Evaluation(metrics=(), rows=rows(), kind="classes"), {"length": 1.0})
    assert [path.name for path in paths] == [
        "confusion_matrix.png",
        "f1_by_class.png",
        "reliability.png",
        "feature_importance.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 8000 for path in paths)


def test_confidence_is_drawn_only_where_there_is_one() -> None:
    assert list(plots(rows().drop(columns="confidence"))) == ["confusion_matrix", "f1_by_class"]


def test_the_matrix_counts_actual_down_and_answers_across() -> None:
    table = pd.DataFrame({"actual": ["A", "A", "B"], "predicted": ["A", "B", "B"], "baseline": ["C", "C", "C"]})
    assert confusion(table, NAMES).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert confusion(table, NAMES, "baseline").tolist() == [[0, 0, 2], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("column", ["predicted", "baseline"])
def test_f1_is_scikit_learns(column: str) -> None:
    table = rows()
    wanted = f1_score(table["actual"], table[column], average=None, labels=NAMES, zero_division=0)
    np.testing.assert_allclose(f1_by_class(confusion(table, NAMES, column)), wanted)


def test_many_classes_with_long_names_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    names = [f"a rather long name {number:02}" for number in range(20)]
    actual = rng.choice(names, 400)
    table = pd.DataFrame({"actual": actual, "predicted": actual, "baseline": names[0]})
    figures = plots(table)
    figures["confusion_matrix"].savefig(tmp_path / "many.png")
    assert (tmp_path / "many.png").stat().st_size > 8000
    assert not figures["confusion_matrix"].axes[0].texts
