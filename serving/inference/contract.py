"""The seams of the data plane: what an app is, what a backend is, what one call carries.

Everything here is plain data and plain functions, so an app can be read and tested without a server.
"""

from __future__ import annotations

import importlib
import time
from asyncio import Future
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import numpy.typing as npt

__all__ = [
    "App",
    "Arrays",
    "Backend",
    "Call",
    "Collection",
    "Explainer",
    "FeatureSource",
    "Rows",
    "TensorSpec",
    "Work",
]

Arrays = dict[str, npt.NDArray[Any]]
"""Named arrays; the first axis of every one is the row."""

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)
C = TypeVar("C", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


class TensorSpec(msgspec.Struct, frozen=True):
    """One input or output of a model.

    `datatype` is an Open Inference Protocol name (`FP32`, `INT64`, `BYTES`, ...); `shape` includes the row axis
    as -1 in front, for example `(-1, 42)`.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class Call(msgspec.Struct, frozen=True, gc=False):
    """What travels with one request through every step: who asked, and by when the answer is of use."""

    request_id: str
    deadline: float
    """`time.monotonic()` seconds after which the answer is of no use."""
    door: str = "local"
    trace_id: str = ""
    """The trace id of the caller's `traceparent`, if it sent one."""
    client: str = ""
    """Whom the request counts for when clients share a queue fairly."""
    urgency: int = 3
    """RFC 9218: 0 is the most urgent, 7 the least."""

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.deadline - time.monotonic())


class Work(Protocol):
    """How requests of one kind become one batch and its outputs become their answers.

    Two kinds exist: tensors of the v2 doors, and an app's typed questions. All methods are pure and may run in
    any thread.
    """

    def rows(self, payload: Any) -> int:
        """The number of rows of one request. Raises `BackendFailed` where its arrays disagree."""
        ...

    def lane(self, payload: Any) -> Hashable:
        """Requests may share a batch when their lanes are equal."""
        ...

    def join(self, payloads: Sequence[Any]) -> Arrays:
        """One batch of model inputs. Raises `Invalid` when a request turns out to be wrong."""
        ...

    def split(self, payloads: Sequence[Any], outputs: Arrays) -> list[Any]:
        """One result per request, in order. Raises `BackendFailed` when rows are missing or too many."""
        ...

    def cut(self, payload: Any, rows: int) -> list[Any]:
        """Parts of at most `rows` rows each, in order."""
        ...

    def merge(self, results: Sequence[Any]) -> Any:
        """The result of a request from the results of its parts. Raises `BackendFailed` where they do not fit."""
        ...

    def blame(self, error: Exception, payloads: Sequence[Any]) -> tuple[int, Exception] | None:
        """The request that `error` is about and the error in its own terms; None where it cannot be told."""
        ...


class Backend(Protocol):
    """What runs one version: ONNX Runtime in the process, a Serve replica, or Triton, each behind a batcher."""

    def submit(self, work: Work, payload: Any, call: Call) -> Future[Any]:
        """Put one request in the queue; the future gives `work`'s result for it.

        Never raises: the future carries `Overloaded`, `DeadlineExceeded`, `NotReady`, `Unavailable`, `Invalid` or
        `BackendFailed`. Cancelling the future takes the request out of the queue.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued, refuse what comes, release; calling it twice is allowed."""
        ...


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
class Collection(Generic[Q, R]):
    """Records that are kept for an app, and how a short question is completed with those that suit it best.

    A version of such an app has a second graph, its encoder: questions and records to vectors of length 1. The
    larger their inner product, the better they suit. All functions are pure and run in threads.
    """

    name: str
    """Path segment behind the app's name, plural and lower case."""
    record: type[R]
    """Has the field `id`, text."""
    example: R
    inputs: tuple[TensorSpec, ...]
    """What the encoder takes, of a record and of a question alike."""
    width: int
    """Numbers of a vector. More than 480 would make PostgreSQL keep them beside the table, and searches slow."""
    of_records: Callable[[Sequence[R]], Arrays]
    of_questions: Callable[[Sequence[Q]], Arrays]
    record_keys: Callable[[R], tuple[str | None, ...]]
    """What must agree with the question's keys, place by place; None agrees with everything."""
    question_keys: Callable[[Q], tuple[str | None, ...]]
    candidates: int
    """Records a short question is completed with, at most."""
    is_short: Callable[[Q], bool]
    """Whether a question brings no records of its own. Called for every question, so it must be quick."""
    complete: Callable[[Q, Sequence[R]], Q]
    """The whole question with the records found, best first; there may be none."""


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

    package: str = "serving.apps"
    """The package that the app's own package is in."""

    @property
    def folder(self) -> Path:
        """The app's folder, where `values.yaml`, `README.md` and `golden/` are."""
        parent = importlib.import_module(self.package)
        return Path(parent.__path__[0]) / self.name
