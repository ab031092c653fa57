"""What goes in and comes out besides plain Python values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypedDict, TypeVar

__all__ = ["Answers", "Choices", "Frame", "Model", "ModelMetadata", "ServerMetadata", "TensorSpec"]

Q = TypeVar("Q")
A = TypeVar("A")
E = TypeVar("E")


class Answers(list[A]):
    """The answers in the order of the rows, and which version gave them.

    `version` is `fallback` where an app's rule answered instead of a model.
    """

    def __init__(
        self, found: Iterable[A] = (), *, model: str = "", version: str = "", request_id: str = ""
    ) -> None:
        super().__init__(found)
        self.model = model
        self.version = version
        self.request_id = request_id


class Choices(TypedDict, total=False):
    """What may be chosen for one call; see `Client.predict`."""

    version: int | None
    timeout: float | None
    request_id: str | None


class Frame(Protocol):
    """A DataFrame of pandas or polars."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""


@dataclass(frozen=True)
class Model(Generic[Q, A, E]):
    """The name of a model with the types of its questions, answers and explanations, for type checkers.

    `python -m slipway_client.generate` writes one for each model.
    """

    name: str


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model. In `shape`, -1 is any number; the first axis is that of the rows."""

    name: str
    datatype: str
    """As the Open Inference Protocol calls it: `FP32`, `INT64`, `BYTES`, ..."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelMetadata:
    """A model's tensors and loaded versions."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class ServerMetadata:
    """The server's name, version and extensions of the protocol."""

    name: str
    version: str
    extensions: tuple[str, ...]
