"""What an app is: one thing customers call, as plain data and plain functions that need no server."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from serving.kernel.collection import Collection
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["ONNX_BACKEND", "ONNX_PLATFORM", "App", "Explainer", "FeatureSource", "Rows"]

ONNX_PLATFORM, ONNX_BACKEND = "onnxruntime_onnx", "onnxruntime"
"""What Triton calls the engine of an ONNX file."""

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)
C = TypeVar("C", bound=msgspec.Struct)


Explainer = Callable[[Sequence[Any], Arrays], list[Any]]
"""Takes questions and their features; returns one explanation per question."""


Rows = Callable[[str, dict[str, Any]], list[dict[str, Any]]]
"""Runs a SQL query with named parameters (`:student`) and returns its rows. Blocking."""


@dataclass(frozen=True, kw_only=True)
class FeatureSource(Generic[Q]):
    """How a short question is completed from a database before its features are computed."""

    is_short: Callable[[Q], bool]
    """Whether a question lacks values that the database has. Called for every question, so it must be fast."""
    complete: Callable[[Rows, Q], Q]
    """Returns the whole question. Runs in a thread; raises `NotFound` if the database has no such record."""


@dataclass(frozen=True, kw_only=True)
class App(Generic[Q, A, C]):
    """One thing customers call. An app's `app.py` makes one of these and nothing else.

    `features` and `decide` are pure functions: the same questions and context always give the same results.
    Training calls the same `features`.
    """

    name: str
    """Folder name, model name and path segment, in lower case."""
    summary: str
    question: type[Q]
    """One record of a KServe v1 `instances` list."""
    answer: type[A]
    """One record of a KServe v1 `predictions` list."""
    context: type[C]
    """What the functions below need to know of a version: `context` in its manifest."""
    example: Q
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    feature_names: tuple[str, ...]
    """Names of the columns of the `features` tensor, in order."""
    features: Callable[[Sequence[Q], C], Arrays]
    """Questions to model inputs. Raises `Invalid` with the path below `$.instances`, such as `[0].market`."""
    decide: Callable[[Sequence[Q], Arrays, C], list[A]]
    """Model outputs to answers, one per question."""
    explainer: Callable[[Path, C], Explainer] | None = None
    """Opens what explanations need from a version's folder. Called once per version."""
    explanation: type[msgspec.Struct] | None = None
    source: FeatureSource[Q] | None = None
    """Completes short questions from the database of `SLIPWAY_DATABASE_URL`."""
    collection: Collection[Q, Any] | None = None
    """Records in the database of `SLIPWAY_COLLECTIONS_URL` that complete short questions."""
    fallback: Callable[[Sequence[Q]], list[A]] | None = None
    """Answers by a simple rule while no version is loaded, if none was asked for. Pure; raises `Invalid`."""
    tolerance: float = field(default=1e-4)
    """The largest absolute difference of an output allowed in replayed golden rows and in parity."""
    relative_tolerance: float = 0.0
    """In replayed golden rows, what is allowed in addition, relative to the output."""

    positional: Any = None
    """The type of a question as a JSON array, for a model without code of its own. `features` takes both forms."""
    batch_key: Callable[[Sequence[Q]], Hashable] | None = None
    """Requests with equal keys may share a batch; None: all may."""
    ragged: bool = False
    """Whether free axes at the same position of several inputs may have different sizes in one request."""
    unsteady: bool = False
    """Whether the time of its model may depend on the values of a row: the event loop must not wait for it."""
    row_by_row: bool = False
    """Whether its model runs one row at a time, because its graph does not take several."""
    row_axis: bool = True
    """Whether the tensors of its model in Triton have a row axis; false: each request has one row."""
    triton_platform: str = ONNX_PLATFORM
    """What Triton's configuration of its model says; empty where `triton_backend` says it all."""
    triton_backend: str = ONNX_BACKEND
    """The same; empty for an ensemble, which has none."""
    columns_of_nodes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Nodes of its graph that read one column only -> the column and its input; an empty name: all other nodes."""
    home: Path | None = None
    """The folder of a model without a package, in the model repository."""

    package: str = "apps"
    """The package that contains the app's own package; `acme` for the app `acme.rainfall`."""

    @cached_property
    def instance(self) -> Any:
        """The type of one question in a request: an object, or where the app has `positional` also an array."""
        return self.question if self.positional is None else self.question | self.positional

    def column_of(self, node: str) -> tuple[str, str] | None:
        """The only column that a node of the graph reads, and the column's input; None if that is not known."""
        return self.columns_of_nodes.get(node) or self.columns_of_nodes.get("")

    @property
    def qualified_name(self) -> str:
        """The name by which it is found in any process: the app's own package, such as `apps.price`.

        A model that was added has no package, and is found in the model repository.
        """
        return self.name if self.home is not None else f"{self.package}.{self.name}"

    @property
    def listed_name(self) -> str:
        """The app as `SLIPWAY_APPS` lists it: by its name, or by its package outside the repository."""
        return self.name if self.package == "apps" else self.qualified_name

    @property
    def folder(self) -> Path:
        """The app's folder, with `values.yaml`, `README.md` and `golden/`."""
        if self.home is not None:
            return self.home
        parent = importlib.import_module(self.package)
        return Path(parent.__path__[0]) / self.name
