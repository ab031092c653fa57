"""Estimators and pipelines of scikit-learn answer through ONNX as through scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

from tests.training.added.sources.proof import numbers, proved, table, target
from training.added.errors import AddError
from training.added.sources.converters.sklearn_graph import of_estimator
from training.added.sources.exchange import CannotConvert

ROWS = np.nan_to_num(numbers()).astype(np.float64)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (make_pipeline(StandardScaler(), Ridge()), "number"),
        (LinearRegression(), "pair"),
        (GradientBoostingRegressor(n_estimators=5), "number"),
        (RandomForestRegressor(5, random_state=0), "pair"),
        (HistGradientBoostingRegressor(max_iter=5), "number"),
        (HistGradientBoostingClassifier(max_iter=5), "classes"),
        (RandomForestClassifier(5, random_state=0), "classes"),
        (KNeighborsRegressor(3), "number"),
        (make_pipeline(StandardScaler(), SVC()), "class"),
        (LinearSVC(), "classes"),
        (
            GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)
            .fit(ROWS, target(ROWS, "class"))
            .best_estimator_,
            "class",
        ),
        (KMeans(3, n_init=1, random_state=0), "number"),
        (IsolationForest(n_estimators=5, random_state=0), "number"),
        (StandardScaler(), "number"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_estimators(tmp_path: Path, model: Any, kind: str) -> None:
    model.fit(ROWS, target(ROWS, kind))
    built = proved(of_estimator(model, None), tmp_path)
    assert {line.rows for line in built.manifest.parity if line.pair == "native/onnxruntime"} == {256}


def pipeline(last: Any, frame: pd.DataFrame) -> Pipeline:
    """Numbers with gaps, categories and texts."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "spent"]),
            ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
            ("words", TfidfVectorizer(), "note"),
        ]
    )
    wanted = np.where((frame["age"] > 45) | (frame["plan"] == "max"), "leaves", "stays")
    return Pipeline([("columns", columns), ("last", last)]).fit(frame, wanted)


def test_a_pipeline_takes_its_columns_by_name(tmp_path: Path) -> None:
    frame = table()
    model = pipeline(LogisticRegression(), frame)
    built = proved(of_estimator(model, frame.assign(unused=1)), tmp_path, sample=frame)
    assert [
        (column.name, spec.datatype) for column, spec in zip(built.context.columns, built.app.inputs, strict=True)
    ] == [
        ("age", "FP32"),
        ("spent", "FP32"),
        ("plan", "BYTES"),
        ("note", "BYTES"),
    ]
    question = {"age": 70, "spent": 12.5, "plan": "never seen", "note": "no answer"}
    features = built.app.features([msgspec.convert(question, built.app.question)], built.context)
    (answer,) = built.app.decide([None], built.run(features), built.context)
    wanted = model.predict_proba(pd.DataFrame([question]))[0]
    assert answer.c_label == model.predict(pd.DataFrame([question]))[0]
    assert answer.c_probabilities == pytest.approx(dict(zip(["leaves", "stays"], wanted, strict=True)), rel=1e-4)


def test_texts_alone(tmp_path: Path) -> None:
    frame = table()[["note"]]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(frame["note"], frame["note"].str.len() > 10)
    built = proved(of_estimator(model, frame), tmp_path, sample=frame)
    assert [column.name for column in built.context.columns] == ["note"]
    assert built.context.labels == ("False", "True")


def test_parity_catches_texts_that_the_converter_splits_otherwise(tmp_path: Path) -> None:
    frame = pd.DataFrame({"note": ["a b", "slow a line", "it is a b good", "good a service"] * 20})
    words = TfidfVectorizer(ngram_range=(1, 2))
    model = make_pipeline(words, LogisticRegression()).fit(frame["note"], frame["note"].str.len() > 8)
    with pytest.raises(AddError, match="parity native/onnxruntime"):
        proved(of_estimator(model, frame), tmp_path, sample=frame)


FAR = 1e9 + np.random.default_rng(0).integers(0, 200, (200, 3)).astype(np.float64)
"""Numbers that 32 bits tell apart in steps of 64."""
CODES = np.column_stack([ROWS[:, :3], np.arange(200) % 5])


@pytest.mark.parametrize(
    ("model", "rows", "wanted"),
    [
        (HistGradientBoostingRegressor(loss="poisson", max_iter=5), ROWS, target(ROWS, "count")),
        (
            HistGradientBoostingRegressor(max_iter=5, categorical_features=[3]),
            CODES,
            target(ROWS, "number") + CODES[:, 3] % 2 * 9,
        ),
        (HistGradientBoostingClassifier(max_iter=5), FAR, FAR[:, 0] > 1e9 + 100),
        (SVR(), FAR, np.sin(FAR[:, 0] / 9) * 100),
        (RandomForestClassifier(5, random_state=0), numbers(), target(numbers(), "class")),
    ],
    ids=["forgotten link", "categories", "thresholds of 64 bits", "kernels of 64 bits", "missing values"],
)
def test_parity_catches_what_the_converter_gets_wrong(tmp_path: Path, model: Any, rows: Any, wanted: Any) -> None:
    frame = pd.DataFrame(rows).add_prefix("c")
    with pytest.raises(AddError, match="parity native/onnxruntime.*The converter gives wrong answers"):
        proved(of_estimator(model.fit(frame, wanted), frame), tmp_path, sample=frame)


def test_forests_of_large_numbers_answer_as_scikit_learn_does(tmp_path: Path) -> None:
    frame = pd.DataFrame(FAR).add_prefix("c")
    for number, model in enumerate(
        (RandomForestClassifier(5, random_state=0), GradientBoostingRegressor(n_estimators=5))
    ):
        (tmp_path / str(number)).mkdir()
        fitted = model.fit(frame, FAR[:, 0] > 1e9 + 100)
        built = proved(of_estimator(fitted, frame), tmp_path / str(number), sample=frame)
        assert max(line.max_error for line in built.manifest.parity) < 1e-5


def test_a_classifier_whose_scores_are_no_tensor_in_one_of_the_attempts(tmp_path: Path) -> None:
    frame = pd.DataFrame(FAR).add_prefix("c")
    model = make_pipeline(StandardScaler(), SVC()).fit(frame, FAR[:, 0] > 1e9 + 100)
    built = proved(of_estimator(model, frame), tmp_path, sample=frame)
    assert [spec.datatype for spec in built.app.inputs] == ["FP64"]


def test_trees_that_split_what_is_missing_are_compared_where_nothing_is(tmp_path: Path) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(numbers(), target(numbers(), "class"))
    thresholds = np.concatenate([tree.tree_.threshold for tree in model.estimators_])
    assert not np.isfinite(thresholds).all()
    proved(of_estimator(model, None), tmp_path)


def test_boosters_at_the_end_of_a_pipeline(tmp_path: Path) -> None:
    wanted = target(ROWS, "class")
    for number, last in enumerate(
        (xgb.XGBClassifier(n_estimators=3, n_jobs=1), lgb.LGBMClassifier(n_estimators=3, verbose=-1))
    ):
        model = make_pipeline(StandardScaler(), last).fit(ROWS, wanted)
        (tmp_path / str(number)).mkdir()
        built = proved(of_estimator(model, None), tmp_path / str(number))
        assert [spec.shape for spec in built.app.outputs] == [(-1,), (-1, 2)]


def test_boosters_alone_have_the_names_of_their_classes(tmp_path: Path) -> None:
    wanted = np.array(["good", "bad"])[target(ROWS, "class")]
    model = lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(ROWS, wanted)
    built = proved(of_estimator(model, None), tmp_path)
    assert built.context.labels == ("bad", "good")
    rows = ROWS[:5].astype(np.float32)
    answers = built.app.decide([None] * 5, built.run({"input": rows}), built.context)
    assert [answer.c_label for answer in answers] == model.predict(ROWS[:5]).tolist()


def test_numbers_of_classes_stay_their_own(tmp_path: Path) -> None:
    wanted = np.array([3, 5, 9])[target(ROWS, "classes")]
    model = LogisticRegression().fit(ROWS, wanted)
    built = proved(of_estimator(model, None), tmp_path)
    outputs = built.run({"input": ROWS[:50].astype(np.float32)})
    answers = built.app.decide([None] * 50, outputs, built.context)
    assert [answer.c_label for answer in answers] == model.predict(ROWS[:50]).astype(str).tolist()
    assert set(answers[0].c_probabilities) == {"3", "5", "9"}


def test_64_bits_are_taken_where_32_are_too_few(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": 1e9 + np.arange(200.0), "other": ROWS[:, 0]})
    model = make_pipeline(StandardScaler(), Ridge()).fit(frame, np.sin(np.arange(200) / 10) * 100)
    built = proved(of_estimator(model, frame), tmp_path, sample=frame)
    assert [spec.datatype for spec in built.app.inputs] == ["FP64"]
    assert [column.name for column in built.context.columns] == ["id", "other"]


@pytest.mark.parametrize(
    ("model", "frame", "said"),
    [
        (make_pipeline(SplineTransformer(), Ridge()), None, "skl2onnx cannot convert.*SplineTransformer.*Nearest"),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), None, "skl2onnx cannot convert.*Nearest"),
        (Ridge(), pd.DataFrame({"a": [1.0]}), "takes 4 columns, and the sample has 1"),
    ],
)
def test_what_cannot_be_converted_is_explained(model: Any, frame: pd.DataFrame | None, said: str) -> None:
    model.fit(np.abs(ROWS), target(ROWS, "number"))
    with pytest.raises(CannotConvert, match=said):
        of_estimator(model, frame)


def test_several_classes_at_once_and_other_objects_are_refused() -> None:
    several = MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.stack([target(ROWS, "class")] * 2, axis=1))
    with pytest.raises(CannotConvert):
        of_estimator(several, None)
    with pytest.raises(CannotConvert, match="builtins.dict, not an estimator"):
        of_estimator({"weights": 1}, None)
    frame = table()
    with pytest.raises(CannotConvert, match="give some rows with --sample"):
        of_estimator(pipeline(LogisticRegression(), frame), None)
    with pytest.raises(CannotConvert, match="no column 'age'"):
        of_estimator(pipeline(LogisticRegression(), frame), frame.drop(columns="age"))
