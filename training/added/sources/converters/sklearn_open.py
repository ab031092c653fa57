"""Opens files of scikit-learn: skops with known types only, pickles and joblib's files where they are trusted."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.added.sources.exchange import CannotConvert, Job

__all__ = ["opened"]

TRUSTED = frozenset(
    (
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
    )
)
"""Types that skops does not trust by itself, as damaged arrays in them may crash the process; they run no code."""
OWN = ("joblib", "lightgbm", "onnxmltools", "skl2onnx", "sklearn", "skops", "torch", "xgboost")
"""Packages that our extras bring."""


def opened(job: Job) -> tuple[Any, tuple[str, ...]]:
    """The object in the file, and what is to be said about it.

    Raises `CannotConvert`, and `ModuleNotFoundError` for a package of our extras.
    """
    path = Path(job.source.path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = _skops(path, job.trust) if job.source.format == "skops" else _pickled(path, job.source.format)
        except (CannotConvert, MemoryError):
            raise
        except ModuleNotFoundError as cause:
            package = (cause.name or "").partition(".")[0]
            if package in OWN:
                raise
            raise CannotConvert(f"it needs the Python module {cause.name}, which is not installed here") from cause
        except Exception as cause:  # noqa: BLE001 - whatever the code in a file raises
            text = " ".join(str(cause).split())[:300]
            raise CannotConvert(f"it cannot be opened: {type(cause).__name__}: {text}") from cause
    texts = {" ".join(str(item.message).split()) for item in caught if "Version" in item.category.__name__}
    return found, tuple(sorted(text.partition(". ")[0] + "." for text in texts))


def _skops(path: Path, trust: bool) -> Any:
    with _without("torch"):
        import skops.io

    types = skops.io.get_untrusted_types(file=path)
    unknown = sorted(set(types) - TRUSTED)
    if unknown and not trust:
        raise CannotConvert(
            f"it has objects of types that are not known to be safe: {', '.join(unknown[:10])}. If you know who "
            "made it, --trust opens it all the same"
        )
    return skops.io.load(path, trusted=types)


class _Absent:
    """A finder to whom one package is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise `ModuleNotFoundError` for the package, and leave others to the other finders."""
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Keep a package from being imported: skops imports all of scikit-learn, which tries PyTorch, for seconds."""
    finder: Any = _Absent(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _pickled(path: Path, form: str) -> Any:
    """Runs whatever code is in the file."""
    if form == "joblib":
        import joblib

        return joblib.load(path)
    with path.open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 - only with --trust, in a process of its own
