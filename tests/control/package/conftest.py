"""A small app in a package of its own, as a team elsewhere would have it, with two published versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

from control.package.chosen import Chosen, choose
from serving.kernel.find_app import find_app
from serving.kernel.storage.version_manifest import Aliases
from tests.serving import toy

APP = '''
"""Adds up a basket."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from serving.kernel.errors import Invalid
from serving.kernel.app import App
from serving.kernel.tensors import Arrays, TensorSpec


class Item(msgspec.Struct, frozen=True):
    price: Annotated[float, msgspec.Meta(ge=0, le=1000)]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: Item
    second: Item = Item(0.0)
    day: datetime.date | None = None


class Answer(msgspec.Struct, frozen=True):
    total: float
    day: datetime.date | None = None


class Context(msgspec.Struct, frozen=True):
    fee: float = 0.0


def features(questions: Sequence[Question], context: Context) -> Arrays:
    for index, question in enumerate(questions):
        if question.first.price == 13:
            raise Invalid(f"[{index}].first.price", "must not be 13")
    rows = [[q.first.price + context.fee, q.second.price] for q in questions]
    return {"features": np.array(rows, np.float32)}


def decide(questions: Sequence[Question], outputs: Arrays, context: Context) -> list[Answer]:
    return [Answer(round(float(v), 3), q.day) for q, v in zip(questions, outputs["total"][:, 0], strict=True)]


app: App[Question, Answer, Context] = App(
    name="basket",
    summary="Adds up a basket.",
    question=Question,
    answer=Answer,
    context=Context,
    example=Question(Item(1.0), Item(2.0)),
    inputs=(TensorSpec("features", "FP32", (-1, 2)),),
    outputs=(TensorSpec("total", "FP32", (-1, 1)),),
    feature_names=("first", "second"),
    features=features,
    decide=decide,
    package="shop.apps",
)
'''


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Puts the app on the Python path; its dotted name."""
    source = tmp_path_factory.mktemp("shop")
    folder = source / "shop" / "apps" / "basket"
    folder.mkdir(parents=True)
    for package in (source / "shop", source / "shop" / "apps", folder):
        (package / "__init__.py").write_text('"""Of the shop."""\n')
    (folder / "app.py").write_text(APP)
    (folder / "values.yaml").write_text("batching: {max_rows: 32}\n")
    (folder / "train").mkdir()
    (folder / "train" / "recipe.py").write_text("raise ImportError('training is not here')\n")
    (folder / "golden").mkdir()
    (folder / "golden" / "requests.json").write_text("[]")
    sys.path.insert(0, str(source))
    yield "shop.apps.basket"
    sys.path.remove(str(source))


@pytest.fixture
def models(tmp_path: Path, shop: str) -> Path:
    """Version 2, the champion, and version 5, which is newer."""
    app = find_app(shop)
    root = tmp_path / "models"
    for version, weights in ((2, (1.0, 1.0)), (5, (1.0, 0.5))):
        folder = root / app.name / str(version)
        folder.mkdir(parents=True)
        onnx.save(toy.model(weights), folder / "model.onnx")
        questions = [msgspec.convert({"first": {"price": n}}, app.question) for n in range(4)]
        inputs = app.features(questions, app.context())
        outputs = {"total": inputs["features"] @ np.array(weights, np.float32).reshape(2, 1)}
        toy.write_golden(folder, questions, inputs, outputs, app.decide(questions, outputs, app.context()))
        toy.write_manifest(folder, version, app.context(), app)
    (root / app.name / "aliases.json").write_bytes(msgspec.json.encode(Aliases(champion=2)))
    return root


@pytest.fixture
def chosen(models: Path, shop: str) -> Chosen:
    """Version 2, verified."""
    return choose(models, shop)
