"""The template of an app: the files of `templates/` with the app's name filled in."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from pathlib import Path
from string import Template

from control.errors import NewAppError

__all__ = ["FILES", "check_name", "class_prefix", "render"]

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
FOLDER = Path(__file__).parent / "templates"
FILES: tuple[tuple[str, str], ...] = (
    *(
        (source, f"apps/{{name}}/{source}")
        for source in (
            "README.md",
            "__init__.py",
            "app.py",
            "schema.py",
            "serve/__init__.py",
            "serve/features.py",
            "serve/decide.py",
            "serve/explain.py",
            "train/__init__.py",
            "train/recipe.py",
            "train/data.py",
            "train/model.py",
            "train/synthetic.py",
            "values.yaml",
            "golden/requests.json",
        )
    ),
    ("test_features.py", "tests/apps/{name}/serve/test_features.py"),
)
"""Template (without `.tmpl`), and the path of the file below the root of the repository."""


def check_name(name: str, taken: Collection[str]) -> None:
    """Raise `NewAppError` unless an app may have the name; `taken` has the names of the existing apps."""
    allowed = "2 to 40 lower-case letters, digits and _, a letter first, such as rainfall"
    if not NAME.fullmatch(name):
        raise NewAppError(f"{name!r} is not a valid app name; allowed: {allowed}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise NewAppError(f"{name!r} is a keyword of Python and cannot name an app; allowed: {allowed}")
    if name in taken:
        raise NewAppError(f"an app {name!r} already exists; choose a name other than {', '.join(sorted(taken))}")


def class_prefix(name: str) -> str:
    """Turn `vendor_risk` into `VendorRisk`."""
    return "".join(word.capitalize() for word in name.split("_"))


def render(name: str) -> dict[str, str]:
    """Return path below the root of the repository -> text, in the order in which a reader opens the files."""
    words = {"name": name, "Name": class_prefix(name)}
    return {
        path.format(name=name): Template((FOLDER / f"{source}.tmpl").read_text()).substitute(words)
        for source, path in FILES
    }
