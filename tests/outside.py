"""An app outside the repository, written as a package `acme.rainfall` into a folder of a test's own.

A line through made-up points is fitted in the process itself, so a training takes no longer than its imports.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["write"]

APP = '''"""How high the river is after a day of rain."""

import msgspec
import numpy as np

from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec


class Question(msgspec.Struct, frozen=True):
    rain: float


class Answer(msgspec.Struct, frozen=True):
    level: float


class Context(msgspec.Struct, frozen=True):
    unit: str = "cm"


def features(questions, context):
    return {"features": np.array([[question.rain] for question in questions], np.float32)}


def decide(questions, outputs, context):
    return [Answer(level) for level in outputs["level"][:, 0].tolist()]


app = App(
    name="rainfall",
    package="acme",
    summary="How high the river is after a day of rain.",
    question=Question,
    answer=Answer,
    context=Context,
    example=Question(12.5),
    inputs=(TensorSpec("features", "FP32", (-1, 1)),),
    outputs=(TensorSpec("level", "FP32", (-1, 1)),),
    feature_names=("rain",),
    features=features,
    decide=decide,
    tolerance=1e-3,
)
'''
RECIPE = '''"""A straight line by least squares."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from onnx import TensorProto, helper

from acme.rainfall.app import Context, Question, app
from training.data.split import by_time
from training.measures.block_bootstrap import mean_gain
from training.measures.evaluate import beside, mae
from training.measures.evaluation_rows import with_keys
from training.measures.gate import beats
from training.onnx.export import assemble
from training.recipe import Evaluation, Fitted, Recipe

ROWS = 4000


class Rainfall(Recipe[Question]):
    app = app
    schema = pa.DataFrameSchema(
        {"day": pa.Column("datetime64[ns]"), "rain": pa.Column(float), "level": pa.Column(float)}
    )
    time_column = "day"
    target = "level"

    def generate(self, seed):
        random = np.random.default_rng(seed)
        rain = random.gamma(2.0, 5.0, ROWS)
        level = 40 + 3 * rain + random.normal(0, 2, ROWS)
        days = pd.Timestamp("2015-01-01") + pd.to_timedelta(np.arange(ROWS), unit="D")
        return pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "rain": rain, "level": level})

    def tidy(self, raw, options):
        return raw.assign(day=pd.to_datetime(raw["day"]))

    def split(self, frame):
        first, span = frame["day"].min(), frame["day"].max() - frame["day"].min()
        return by_time(frame, "day", (first + 0.5 * span).normalize(), (first + 0.7 * span).normalize())

    def fit(self, split, trainer):
        slope, start = np.polyfit(split.train["rain"], split.train["level"], 1)

        def predict(inputs):
            return {"level": inputs["features"] * np.float32(slope) + np.float32(start)}

        params = {"slope": float(slope), "start": float(start)}
        return Fitted(predict=predict, context=Context(), files={}, params=params, model=(slope, start))

    def evaluate(self, fitted, split):
        test = split.test
        predicted = fitted.predict({"features": test[["rain"]].to_numpy(np.float32)})["level"][:, 0]
        actual, baseline = test["level"].to_numpy(), np.full(len(test), split.train["level"].mean())
        days = np.arange(len(test))
        gain = mean_gain(np.abs(actual - baseline) - np.abs(actual - predicted), days, block=7, seed=7)
        rows = pd.DataFrame({"actual": actual, "predicted": predicted, "baseline": baseline})
        return Evaluation(
            metrics=(beside("mae", mae, actual, predicted, baseline, unit="cm", gain=gain),),
            rows=with_keys(rows, days // 7, test["day"].dt.date),
        )

    judged = evaluate

    def checks(self, evaluation):
        return [beats("the mean level", "MAE", evaluation.by_slice["mae", "all"])]

    def export(self, fitted):
        slope, start = fitted.model
        return assemble(
            "rainfall",
            [
                helper.make_node("Mul", ["features", "slope"], ["scaled"]),
                helper.make_node("Add", ["scaled", "start"], ["level"]),
            ],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", 1])],
            [helper.make_tensor_value_info("level", TensorProto.FLOAT, ["row", 1])],
            {"slope": np.array(slope, np.float32), "start": np.array(start, np.float32)},
        )

    def parity_inputs(self, fitted, split):
        odd = np.array([[0.0], [1e6], [np.nan]], np.float32)
        return {"features": np.concatenate([split.test[["rain"]].to_numpy(np.float32), odd])}

    def golden(self, split):
        return [Question(rain) for rain in split.test["rain"].head(32).tolist()]


recipe = Rainfall()
'''
VALUES = "batching: {max_rows: 32, max_queue_rows: 1024, max_wait_ms: 0}\n"
CARD = "# Rainfall: model card\n\n## Metrics beside the naive baseline\n\nNone yet.\n"


def write(folder: Path) -> Path:
    """Write the package below `folder`, which belongs on the Python path; returns the app's own folder."""
    app = folder / "acme" / "rainfall"
    files = {
        "__init__.py": "",
        "rainfall/__init__.py": "",
        "rainfall/app.py": APP,
        "rainfall/values.yaml": VALUES,
        "rainfall/README.md": CARD,
        "rainfall/train/__init__.py": "",
        "rainfall/train/recipe.py": RECIPE,
    }
    (app / "train").mkdir(parents=True)
    for name, text in files.items():
        (app.parent / name).write_text(text)
    return app
