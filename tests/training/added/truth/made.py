"""Rows with known answers, and models that know something of them or nothing."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.training.added.models import classifier, linear
from training.added.add import Prepared, prepared
from training.added.build import Wanted
from training.added.truth.given import Truth, take_truth
from training.progress import Silent
from training.recipe import Dataset

__all__ = ["NAMES", "dataset", "good", "judged", "noise", "rows", "truth_of", "values"]

NAMES = ["no", "yes"]


def rows(count: int = 300, seed: int = 0) -> pd.DataFrame:
    """Features `a`, `b` and `c`, of which `a` alone says something of the class, the level and the amount."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame(random.normal(size=(count, 3)).astype(np.float32), columns=["a", "b", "c"])
    noise = 0.5 * random.normal(size=count)
    made["churned"] = np.where(made["a"] + noise > 0.3, "yes", "no")
    made["level"] = np.digitize(made["a"] + noise, [-0.5, 0.5]) + 1
    made["amount"] = made["a"] + 2 * made["b"] + 3 * made["c"] + noise
    made["day"] = pd.date_range("2024-01-01", periods=count, freq="D").strftime("%Y-%m-%d")
    made["who"] = [f"customer {place % 50}" for place in range(count)]
    return made


def dataset(frame: pd.DataFrame) -> Dataset:
    return Dataset(frame=frame, source="rows.csv", sha256="ab" * 32)


def truth_of(frame: pd.DataFrame, label: str, **columns: str) -> Truth:
    return take_truth(dataset(frame), label, **columns)[1]


def good(folder: Path) -> Path:
    return classifier(folder / "good.onnx", [[-2, 0, 0], [2, 0, 0]], NAMES)


def noise(folder: Path) -> Path:
    return classifier(folder / "noise.onnx", [[0, -2, 0], [0, 2, 0]], NAMES)


def values(folder: Path) -> Path:
    return linear(folder / "values.onnx")


def judged(stack: ExitStack, path: Path, frame: pd.DataFrame, label: str, **more: Any) -> Prepared:
    """The model, judged on the columns `a`, `b` and `c` of these rows; its files last as long as `stack`."""
    split = {name: more.pop(name) for name in ("time", "group") if name in more}
    sample, truth = take_truth(dataset(frame), label, **split)
    sample = sample[["a", "b", "c", *truth.aside]]
    wanted = Wanted(name="m", path=path, source=path.name, sample=sample, aside=truth.aside, triton=False, **more)
    return stack.enter_context(prepared(wanted, Silent(), truth))
