"""Apps written for tables of every kind: clean files that train on the table, without a registry or a server."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

import apps
from control.new.from_file.kinds import Kind, Model
from control.new.from_file.read import planned
from control.new.from_file.render import FOLDER, render, sources
from serving.kernel.errors import Invalid
from serving.kernel.storage.version_manifest import MODEL_NAME
from tests.contract import test_schema
from tests.contract.requests import Case as GoldenCase
from tests.control.new.from_file.tables import cells, churn, flags, houses, reviews, sales, visits
from training.fit.trainer import Trainer
from training.measures import gate
from training.measures.carried import check_carried
from training.onnx import export, parity
from training.prepare import prepare
from training.progress import Silent
from training.recipe import Recipe, RecipeOptions


@dataclass(frozen=True)
class Case:
    """A table, its label, and what to write for it."""

    table: pd.DataFrame
    label: str
    kind: Kind | None = None
    model: Model | None = None


CASES = {
    "made_cells": Case(cells(300).filter(regex="[05]$|diagnosis"), "diagnosis", model=Model.SKLEARN),
    "made_churn": Case(churn(), "churned"),
    "made_visits": Case(visits(), "grade", model=Model.TORCH),
    "made_houses": Case(houses(), "price"),
    "made_shop": Case(sales().query("shop == 'east'").drop(columns="shop"), "sold", model=Model.SKLEARN),
    "made_grades": Case(visits(), "grade", model=Model.LIGHTGBM),
    "made_prices": Case(houses(), "price", model=Model.LIGHTGBM),
    "made_flags": Case(flags(), "alarm"),
    "made_sizes": Case(houses(), "price", model=Model.TORCH),
    "made_sales": Case(sales(), "sold"),
    "made_reviews": Case(reviews(), "verdict"),
    "made_stars": Case(
        reviews().assign(stars=lambda t: (t["verdict"] == "praise") * 2.5 + t["text"].str.len() / 90)[
            ["text", "stars"]
        ],
        "stars",
        kind=Kind.TEXT,
    ),
}


@dataclass(frozen=True)
class Written:
    """The apps of all cases in one folder, importable as `apps.NAME`."""

    folder: Path

    def data(self, name: str) -> Path:
        return self.folder / f"{name}.csv"

    def recipe(self, name: str) -> Recipe[Any]:
        found: Recipe[Any] = importlib.import_module(f"apps.{name}.train.recipe").recipe
        return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Written]:
    made = Written(tmp_path_factory.mktemp("made"))
    for name, case in CASES.items():
        case.table.to_csv(made.data(name), index=False)
        files = render(root, name, planned(str(made.data(name)), case.label, case.kind, case.model)[0])
        for path, text in files.items():
            file = made.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apps, "__path__", [*apps.__path__, str(made.folder / "apps")])
        yield made
    for module in [name for name in sys.modules if name.startswith("apps.made_")]:
        del sys.modules[module]


def test_the_files_are_clean_and_short(written: Written, root: Path) -> None:
    config = ("--no-cache", "--config", str(root / "pyproject.toml"))
    # What the tests of a repository may do depends on their path.
    for words in (("check", str(written.folder / "apps")), ("format", "--check", str(written.folder))):
        done = subprocess.run([sys.executable, "-m", "ruff", *words, *config], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    texts = {
        path: path.read_text() for path in written.folder.rglob("*") if path.suffix in (".py", ".md", ".yaml")
    }
    assert {path.name: n for path, text in texts.items() if (n := len(text.splitlines())) > 200} == {}
    assert [path for path, text in texts.items() if "${" in text] == []


def test_every_template_is_used() -> None:
    found = {path.relative_to(FOLDER).as_posix().removesuffix(".tmpl") for path in FOLDER.rglob("*.tmpl")}
    used = {
        source
        for kind in Kind
        for model in Model
        for classes in (True, False)
        for _, source in sources("x", kind, model, classes)
    }
    assert found == used


@pytest.mark.parametrize("name", CASES)
def test_the_app_trains_on_its_table_and_answers(name: str, written: Written, tmp_path: Path) -> None:
    recipe, options = written.recipe(name), RecipeOptions()
    prepared = prepare(recipe, [written.data(name)], "", "", options, Silent())
    trainer = Trainer(1, 7, tmp_path)
    fitted = recipe.fit(prepared.parts, trainer)
    evaluation = recipe.evaluate(fitted, prepared.parts)
    gate.refuse([*gate.judge(recipe, prepared.tidy, evaluation), check_carried(recipe, fitted, prepared.parts)])
    export.save_graphs(recipe, fitted, prepared.parts, tmp_path)
    rows = parity.filled(recipe.parity_inputs(fitted, prepared.parts), len(prepared.parts.test))
    lines = parity.report(recipe, fitted.predict, tmp_path / MODEL_NAME, rows)
    gate.refuse([gate.check_finite(fitted.predict(rows), parity.ROWS), *gate.check_parity(lines)])
    questions = recipe.golden(prepared.parts)
    again = [msgspec.json.decode(msgspec.json.encode(one), type=recipe.app.question) for one in questions]
    assert again == questions and len(questions) >= 8
    outputs = fitted.predict(recipe.app.features([*questions, recipe.app.example], fitted.context))
    answers = recipe.app.decide([*questions, recipe.app.example], outputs, fitted.context)
    assert msgspec.json.decode(msgspec.json.encode(answers), type=list[recipe.app.answer]) == answers  # type: ignore[name-defined]


@pytest.mark.parametrize("name", CASES)
def test_what_is_trained_on_synthetic_data_keeps_the_golden_cases(
    name: str, written: Written, tmp_path: Path
) -> None:
    """The contract tests ask versions that are trained like this."""
    recipe = written.recipe(name)
    prepared = prepare(recipe, [], "", "", RecipeOptions(), Silent())
    fitted = recipe.fit(prepared.parts, Trainer(1, 7, tmp_path))
    evaluation = recipe.evaluate(fitted, prepared.parts)
    gate.refuse([*gate.judge(recipe, prepared.tidy, evaluation), check_carried(recipe, fitted, prepared.parts)])
    for case in json_cases(written, name):
        pair = case.questions(recipe.app)
        if case.kind == "refused":
            with pytest.raises(Invalid) as refusal:
                recipe.app.features(pair, fitted.context)
            assert refusal.value.field == case.expect.path.replace("[0]", "[1]", 1)
        else:
            outputs = fitted.predict(recipe.app.features(pair, fitted.context))
            assert case.broken(*recipe.app.decide(pair, outputs, fitted.context)) == "", case.name


def json_cases(written: Written, name: str) -> tuple[GoldenCase, ...]:
    path = written.folder / "apps" / name / "golden/requests.json"
    return msgspec.json.decode(path.read_bytes(), type=tuple[GoldenCase, ...])


@pytest.mark.parametrize("name", CASES)
def test_the_types_are_those_of_the_contract(name: str, written: Written) -> None:
    for key, test in vars(test_schema).items():
        if key.startswith("test_") and list(inspect.signature(test).parameters) == ["app"]:
            test(written.recipe(name).app)


@pytest.mark.parametrize("name", CASES)
def test_the_app_s_own_tests_pass(name: str, written: Written) -> None:
    path = written.folder / "tests/apps" / name / "serve/test_features.py"
    spec = importlib.util.spec_from_file_location(f"apps.{name}.test_features", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [value for key, value in vars(module).items() if key.startswith("test_")]
    assert len(tests) >= 2
    for test in tests:
        test()


def test_the_split_says_why(written: Written) -> None:
    said = {name: (written.folder / "apps" / name / "train/data.py").read_text() for name in CASES}
    assert "Split at random: no column names a time or a group that repeats" in said["made_cells"]
    assert "Split by groups: rows with one identifier are alike" in said["made_visits"]
    assert "Split by time: the model will answer for rows that come after" in said["made_houses"]
    assert "Split by time: a forecast is judged on what came after" in said["made_sales"]


def test_the_schema_is_that_of_the_file(written: Written) -> None:
    question = importlib.import_module("apps.made_churn.schema").MadeChurnQuestion
    properties = msgspec.json.schema(question)["$defs"]["MadeChurnQuestion"]["properties"]
    assert list(properties) == ["months", "class_", "monthly_bill", "paperless", "calls", "reference"]
    assert properties["class_"]["enum"] == ["basic", "plus", 'say "pro"']
    assert properties["months"]["type"] == "integer" and properties["months"]["minimum"] == 0
    assert {"type": "null"} in properties["monthly_bill"]["anyOf"]
    with pytest.raises(msgspec.ValidationError, match=r"at `\$\.months`"):
        msgspec.convert({**msgspec.to_builtins(written.recipe("made_churn").app.example), "months": 900}, question)


def test_no_text_of_the_file_is_in_the_files(written: Written) -> None:
    texts = "".join(path.read_text() for path in (written.folder / "apps/made_reviews").rglob("*.py"))
    assert "parcel" not in texts and "broken" not in texts
