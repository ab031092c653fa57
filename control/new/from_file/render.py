"""The files of a new app for a table: the templates of its kind and model, filled in and formatted."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from string import Template

from control.new.from_file.cases import cases
from control.new.from_file.forecast_words import forecast_words
from control.new.from_file.kinds import Kind, Model
from control.new.from_file.plan import Plan
from control.new.from_file.words import words

__all__ = ["FOLDER", "render", "sources"]

FOLDER = Path(__file__).parent / "templates"
CASES = "golden/requests.json"
TEST = "tests/apps/{name}/serve/test_features.py"


def render(root: Path, name: str, plan: Plan) -> dict[str, str]:
    """Return path below the root of the repository -> text, in the order in which a reader opens the files."""
    given = words(name, plan) | (forecast_words(plan) if plan.kind is Kind.FORECAST else {})
    files = {
        path: Template((FOLDER / f"{source}.tmpl").read_text()).substitute(given)
        for path, source in sources(name, plan.kind, plan.model, bool(plan.classes))
    }
    files[f"apps/{name}/{CASES}"] = cases(plan)
    return _formatted(root, files)


def sources(name: str, kind: Kind, model: Model, classes: bool) -> Iterator[tuple[str, str]]:
    """Yield path and template (without `.tmpl`) of every file but the golden cases."""
    folder = "forecast" if kind is Kind.FORECAST else "rows"
    answer = "classes" if classes else "value"
    text = kind is Kind.TEXT
    chosen = {
        "README.md": "shared/README.md",
        "__init__.py": "shared/__init__.py",
        "app.py": "shared/app.py",
        "schema.py": f"{folder}/schema.py",
        "serve/__init__.py": "shared/serve__init__.py",
        "serve/features.py": "text/serve/features.py" if text else f"{folder}/serve/features.py",
        "serve/decide.py": "forecast/serve/decide.py"
        if folder == "forecast"
        else f"rows/serve/decide_{answer}.py",
        "train/__init__.py": "shared/train__init__.py",
        "train/recipe.py": "rows/train/recipe.py",
        "train/data.py": f"{folder}/train/data.py",
        "train/rows.py": "text/rows.py" if text else f"{folder}/train/rows.py",
        "train/model.py": "models/text.py" if text else f"models/{model}.py",
        "train/report.py": "forecast/train/report.py"
        if folder == "forecast"
        else f"rows/train/report_{answer}.py",
        "train/synthetic.py": "text/synthetic.py" if text else f"{folder}/train/synthetic.py",
        "values.yaml": "shared/values.yaml",
    }
    for path, source in chosen.items():
        yield f"apps/{name}/{path}", source
    yield TEST.format(name=name), f"{folder}/test_features.py"


def _formatted(root: Path, files: dict[str, str]) -> dict[str, str]:
    """The files as ruff writes them, where it is installed: names of columns make lines longer or shorter."""
    if importlib.util.find_spec("ruff") is None:
        return files
    ruff = [sys.executable, "-m", "ruff"]
    with tempfile.TemporaryDirectory(prefix="slipway-new-") as folder:
        for path, text in files.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        options = ["--quiet", "--no-cache", "--config", str(root / "pyproject.toml"), folder]
        for command in (["check", "--select", "I,RUF022", "--fix-only", "--exit-zero"], ["format"]):
            subprocess.run([*ruff, *command, *options], check=True)  # noqa: S603 - our own interpreter
        return {path: (Path(folder) / path).read_text() for path in files}
