"""Files are opened without running code of theirs; pickles are opened as pickles."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.training.added.sources.proof import job
from training.added.sources.converters.sklearn_open import opened
from training.added.sources.exchange import CannotConvert

ROWS = np.random.default_rng(0).standard_normal((30, 2))


class OwnStep(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nobody's idea of a trusted type."""

    def fit(self, rows: Any, wanted: Any = None) -> OwnStep:
        return self

    def transform(self, rows: Any) -> Any:
        return rows


@pytest.mark.parametrize(
    "model", [StandardScaler(), RandomForestRegressor(2), HistGradientBoostingRegressor(max_iter=2)], ids=repr
)
def test_known_types_need_no_trust(tmp_path: Path, model: Any) -> None:
    import skops.io  # it imports for two seconds

    path = tmp_path / "m.skops"
    skops.io.dump(model.fit(ROWS, ROWS[:, 0]), path)
    found, notes = opened(job(path, "sklearn", "skops"))
    assert type(found) is type(model) and notes == ()


def test_other_types_are_named_and_opened_with_trust_alone(tmp_path: Path) -> None:
    import skops.io  # it imports for two seconds

    path = tmp_path / "m.skops"
    skops.io.dump(make_pipeline(OwnStep(), FunctionTransformer(pickletools.optimize)), path)
    with pytest.raises(CannotConvert, match=r"not known to be safe: .*OwnStep, pickletools\.optimize"):
        opened(job(path, "sklearn", "skops"))
    found, _ = opened(job(path, "sklearn", "skops", trust=True))
    assert type(found[0]).__name__ == "OwnStep"


def test_pickles_and_files_of_joblib(tmp_path: Path) -> None:
    model = StandardScaler().fit(ROWS)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    joblib.dump(model, tmp_path / "m.joblib", compress=3)
    for form in ("pickle", "joblib"):
        found, _ = opened(job(tmp_path / f"m.{'pkl' if form == 'pickle' else form}", "sklearn", form))
        np.testing.assert_array_equal(found.mean_, model.mean_)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x04\x95", "cannot be opened: .*UnpicklingError|cannot be opened"),
        (b"cnobody_has_this\nModel\n.", "needs the Python module nobody_has_this"),
        (b"cbuiltins\nnothing_like_it\n.", "cannot be opened: AttributeError"),
    ],
)
def test_what_cannot_be_opened_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(content)
    with pytest.raises(CannotConvert, match=said):
        opened(job(path, "sklearn", "pickle"))
