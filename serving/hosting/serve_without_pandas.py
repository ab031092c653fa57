"""Import this before Ray Serve, and Ray Serve is imported as if pandas were not installed.

Ray Serve imports pandas where it can, to encode tables that FastAPI applications return. Slipway returns none, and
each process of Ray Serve would take 70 MB more and start almost half a second later. Ray's workers import this
module first, because of `WORKER_MODULES` in `training/fit/ray_session.py`. They can import pandas later.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["install"]

IMPORTER = "ray.serve._private.utils"


class _Finder(MetaPathFinder):
    """Finds the one module that imports pandas, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != IMPORTER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None and "pandas" not in sys.modules:
            load = spec.loader.exec_module

            def load_without(module: ModuleType) -> None:
                # With None there, an import of pandas raises the error that Ray Serve expects.
                sys.modules["pandas"] = None  # type: ignore[assignment]
                try:
                    load(module)
                finally:
                    del sys.modules["pandas"]

            spec.loader.exec_module = load_without  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Prepare the import of Ray Serve in this process, unless it has happened."""
    if IMPORTER not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


install()
