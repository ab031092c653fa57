"""The client can be installed and imported without the server."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any


def project(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def test_importing_it_imports_nothing_of_the_server(root: Path) -> None:
    code = "import sys, slipway_client.generate; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    found = set(done.stdout.split())
    assert {"slipway_client", "httpx", "numpy"} <= found, done.stderr
    servers = {"msgspec", "orjson", "pandas", "polars", "pyarrow", "ray", "grpc", "starlette", "uvicorn", "yaml"}
    assert found & {*servers, "serving", "training", "control", "apps"} == set()


def test_both_distributions_have_the_same_client(root: Path) -> None:
    whole, alone = project(root / "pyproject.toml"), project(root / "slipway_client" / "pyproject.toml")
    assert alone["project"]["version"] == whole["project"]["version"]
    assert alone["project"]["requires-python"] == ">=3.11"
    wanted = [requirement.split(",")[0] for requirement in whole["project"]["optional-dependencies"]["client"]]
    assert alone["project"]["dependencies"] == wanted
    folders = {path.parent.relative_to(root) for path in (root / "slipway_client").rglob("__init__.py")}
    named = {".".join(folder.parts) for folder in folders if "build" not in folder.parts}
    assert set(alone["tool"]["setuptools"]["packages"]) == named
    assert (root / "slipway_client" / "py.typed").exists()
