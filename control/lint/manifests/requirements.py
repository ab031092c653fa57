"""The libraries of the extra `manifests`, which training and serving do not need."""

from __future__ import annotations

from importlib.util import find_spec

from control.errors import ManifestError

__all__ = ["require"]

LIBRARIES = {
    "cel": "common-expression-language",
    "helm_python": "helm-python-sdk",
    "jsonschema": "jsonschema",
    "kserve": "kserve",
    "kubernetes_validate": "kubernetes-validate",
}
"""Module -> the package that contains it."""


def require() -> None:
    """Raise `ManifestError` with the command that installs the missing libraries."""
    missing = [package for module, package in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise ManifestError(
            f"slipway manifests lint needs {', '.join(missing)}: "
            "pip install -c constraints.txt -e '.[manifests]' in the clone"
        )
