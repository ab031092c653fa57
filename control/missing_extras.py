"""Which extra to install when a command needs a package that is missing."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

__all__ = ["advice"]

EXTRA = re.compile(r"^([A-Za-z0-9._-]+).*;.*extra == [\"']([a-z0-9]+)[\"']")
OWN = ("control", "serving", "training")
EVERYDAY = ("train", "cpu", "database", "convert")
"""Extras to name first if several bring a package."""
DISTRIBUTIONS = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu", "yaml": "pyyaml"}
"""Modules whose package has another name."""


def advice(module: str) -> str:
    """Return what to install for a missing module; empty if none of our extras brings it."""
    package = module.partition(".")[0]
    if not package or package in OWN:
        return ""
    wanted = DISTRIBUTIONS.get(package, package)
    found = {match[2] for match in map(EXTRA.match, _requirements()) if match and _same(match[1], wanted)}
    if not found:
        return ""
    extra = next((name for name in EVERYDAY if name in found), sorted(found)[0])
    return f"this needs the package {package}, which is not installed: pip install 'slipway[{extra}]'"


def _requirements() -> list[str]:
    try:
        return requires("slipway") or []
    except PackageNotFoundError:
        return []


def _same(distribution: str, package: str) -> bool:
    return re.sub(r"[-_.]+", "_", distribution).lower() == re.sub(r"[-_.]+", "_", package).lower()
