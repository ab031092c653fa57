"""What an app is: one thing customers call, as plain data and plain functions.

An app can be read and tested without a server.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from serving.kernel.collection import Collection
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["App", "Explainer", "FeatureSource", "Rows"]

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)
C = TypeVar("C", bound=msgspec.Struct)


Explainer = Callable[[Sequence[Any], Arrays], list[Any]]
"""Questions and their features to explanations, one per question."""


Rows = Callable[[str, dict[str, Any]], list[dict[str, Any]]]
"""A SQL query with named parameters (`:student`) to its rows; blocking."""


@dataclass(frozen=True, kw_only=True)
class FeatureSource(Generic[Q]):
    """How a short question is completed from a database; features are then computed as for a whole one."""

    is_short: Callable[[Q], bool]
    """Whether a question lacks what the database has. Called for every question, so it must be quick."""
    complete: Callable[[Rows, Q], Q]
    """The whole question. Runs in a thread; raises `NotFound` for what the database does not have."""


@dataclass(frozen=True, kw_only=True)
class App(Generic[Q, A, C]):
    """One thing customers call. An app's `app.py` makes one of these and nothing else.

    `features` and `decide` are pure: the same questions and context give the same arrays, whoever asks. Training
    calls the very same `features`.
    """

    name: str
    """Folder name, model name and path segment, lower case."""
    summary: str
    question: type[Q]
    """One record of a KServe v1 `instances` list."""
    answer: type[A]
    """One record of a KServe v1 `predictions` list."""
    context: type[C]
    """What a version says about itself and the functions below need (`context` in its manifest)."""
    example: Q
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    feature_names: tuple[str, ...]
    """Names of the columns of the `features` tensor, in order."""
    features: Callable[[Sequence[Q], C], Arrays]
    """Questions to model inputs. Raises `Invalid` with the path below `$.instances[i]`, e.g. `[0].market`."""
    decide: Callable[[Sequence[Q], Arrays, C], list[A]]
    """Model outputs to answers, one per question."""
    explainer: Callable[[Path, C], Explainer] | None = None
    """Opens what explanations need from a version's folder; called once per version."""
    explanation: type[msgspec.Struct] | None = None
    source: FeatureSource[Q] | None = None
    """Completes short questions from the database of `SLIPWAY_DATABASE_URL`."""
    collection: Collection[Q, Any] | None = None
    """Records kept for the app in the database of `SLIPWAY_COLLECTIONS_URL`, which complete short questions."""
    fallback: Callable[[Sequence[Q]], list[A]] | None = None
    """Answers by a simple rule while no version is loaded and none was asked for. Pure; raises `Invalid`."""
    tolerance: float = field(default=1e-4)
    """Largest absolute difference per output that replayed golden rows and parity may show."""

    package: str = "apps"
    """The package that the app's own package is in."""

    @property
    def folder(self) -> Path:
        """The app's folder, where `values.yaml`, `README.md` and `golden/` are."""
        parent = importlib.import_module(self.package)
        return Path(parent.__path__[0]) / self.name
