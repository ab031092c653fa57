"""A tiny app with a whole training side: y = 2a + sin(3b) + noise, b sometimes missing.

Processes of trials import this; XGBoost, which takes a second, comes where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pandera.pandas as pa
from onnx import TensorProto, helper

from serving.kernel.app import App
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays, TensorSpec
from training.data.split import by_time
from training.fit.trainer import Trainer
from training.measures.evaluate import beside, mae, rmse
from training.measures.evaluation_rows import with_keys
from training.onnx.trees import tree_node
from training.recipe import Evaluation, Fitted, Recipe, RecipeOptions, Split

if TYPE_CHECKING:
    import xgboost

ROWS = 2400
START = pd.Timestamp("2020-01-01")


class Question(msgspec.Struct, frozen=True):
    a: float
    b: float | None = None


class Answer(msgspec.Struct, frozen=True):
    y: float


class Context(msgspec.Struct, frozen=True):
    shift: float = 0.0


def features(questions: Sequence[Question], context: Context) -> Arrays:
    rows = [[q.a + context.shift, np.nan if q.b is None else q.b] for q in questions]
    return {"features": np.array(rows, np.float32)}


def decide(questions: Sequence[Question], outputs: Arrays, context: Context) -> list[Answer]:
    return [Answer(float(value)) for value in outputs["y"][:, 0]]


class ToyApp(App[Question, Answer, Context]):
    @property
    def folder(self) -> Path:
        return Path(__file__).parent / "toy_app"


app = ToyApp(
    name="toy",
    summary="A curve.",
    question=Question,
    answer=Answer,
    context=Context,
    example=Question(1.0, 0.5),
    inputs=(TensorSpec("features", "FP32", (-1, 2)),),
    outputs=(TensorSpec("y", "FP32", (-1, 1)),),
    feature_names=("a", "b"),
    features=features,
    decide=decide,
    tolerance=1e-4,
)


class Toy(Recipe[Question]):
    app = app
    schema = pa.DataFrameSchema(
        {
            "day": pa.Column("datetime64[ns]"),
            "a": pa.Column(float, pa.Check.in_range(-10, 10)),
            "b": pa.Column(float, nullable=True),
            "y": pa.Column(float),
        },
        strict=True,
    )
    time_column = "day"
    target = "y"
    forbidden = ("y_tomorrow",)
    rounds = 60
    noise = 0.1

    def generate(self, seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        a, b = random.normal(size=ROWS), random.normal(size=ROWS)
        y = 2 * a + np.sin(3 * b) + self.noise * random.normal(size=ROWS)
        b[random.random(ROWS) < 0.05] = np.nan
        days = START + pd.to_timedelta(np.arange(ROWS), unit="h")
        return pd.DataFrame({"day": days.strftime("%Y-%m-%d %H:%M"), "a": a, "b": b, "y": y})

    def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
        return raw.assign(day=pd.to_datetime(raw["day"]), a=pd.to_numeric(raw["a"]), y=pd.to_numeric(raw["y"]))

    def split(self, frame: pd.DataFrame) -> Split:
        first, last = frame["day"].min(), frame["day"].max()
        return by_time(frame, "day", first + 0.4 * (last - first), first + 0.55 * (last - first))

    def table(self, part: pd.DataFrame) -> tuple[Any, Any]:
        questions = [Question(a, None if np.isnan(b) else b) for a, b in zip(part["a"], part["b"], strict=True)]
        return features(questions, Context())["features"], part["y"].to_numpy(np.float32)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        params = {"objective": "reg:squarederror", "eval_metric": "mae", "max_depth": 3, "eta": 0.3}
        booster = trainer.xgboost(params, self.table(split.train), self.table(split.validation), self.rounds, 10)
        return self.fitted(booster, params)

    def fitted(self, booster: xgboost.Booster, params: dict[str, Any]) -> Fitted:
        import xgboost

        def predict(inputs: Arrays) -> Arrays:
            return {"y": booster.predict(xgboost.DMatrix(inputs["features"])).reshape(-1, 1)}

        return Fitted(
            predict=predict,
            context=Context(),
            files={"booster.ubj": bytes(booster.save_raw("ubj"))},
            params=params,
            importance={"a": 0.7, "b": 0.3},
            model=booster,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        inputs, actual = self.table(split.test)
        predicted = fitted.predict({"features": inputs})["y"][:, 0]
        baseline = np.full_like(actual, split.train["y"].mean())
        slices = np.where(split.test["a"] > 0, "a > 0", "a <= 0")
        rows = pd.DataFrame(
            {"actual": actual, "predicted": predicted, "baseline": baseline, "slice": slices}
        ).assign(low=predicted - 0.5, high=predicted + 0.5)
        metrics = [beside(m.__name__, m, actual, predicted, baseline, unit="m") for m in (mae, rmse)]
        for name, part in rows.groupby("slice"):
            parts = (part[column].to_numpy() for column in ("actual", "predicted", "baseline"))
            metrics.append(beside("mae", mae, *parts, part=str(name), unit="m"))
        return Evaluation(
            metrics=tuple(metrics), rows=with_keys(rows, split.test["day"].dt.date, split.test["day"])
        )

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        return self.evaluate(fitted, split)

    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        metric: Metric = evaluation.metrics[0]
        assert metric.baseline is not None
        passed = metric.value < 0.5 * metric.baseline
        return [
            Check(
                name="half the baseline's error",
                passed=passed,
                measured=f"{metric.value:.3f}",
                required=f"below {0.5 * metric.baseline:.3f}",
                reason="" if passed else "the naive baseline is too close",
            )
        ]

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        return graph(tree_node(fitted.model, "features", "y"))

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        held_out = self.table(split.test)[0]
        extreme = np.array([[np.nan, np.nan], [3e38, -3e38], [0, 0]], np.float32)
        return {"features": np.concatenate([held_out, extreme])}

    def golden(self, split: Split) -> list[Question]:
        head = split.test.head(32)
        return [Question(a, None if np.isnan(b) else b) for a, b in zip(head["a"], head["b"], strict=True)]

    def decisions(self, outputs: Arrays) -> Arrays:
        return {"positive": outputs["y"]}


def graph(node: onnx.NodeProto, opset: int = 18) -> onnx.ModelProto:
    """One node from `features` to `y` as a model."""
    made = helper.make_graph(
        [node],
        "toy",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=imports, ir_version=9)


def local_booster(rounds: int = 30, seed: int = 7) -> xgboost.Booster:
    """A booster fitted in this process, for tests of what comes after the fit."""
    import xgboost

    recipe = Toy()
    parts = recipe.split(recipe.tidy(recipe.generate(seed), RecipeOptions()))
    inputs, target = recipe.table(parts.train)
    params = {"objective": "reg:squarederror", "max_depth": 3, "nthread": 1, "seed": seed}
    return xgboost.train(params, xgboost.DMatrix(inputs, label=target), rounds)


recipe = Toy()
