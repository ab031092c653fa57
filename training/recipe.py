"""The seam between the pipeline and an app's `recipe.py`: plain data that the steps hand to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
import onnx
import pandas as pd

from serving.kernel.app import App
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.errors import DataError

if TYPE_CHECKING:
    import pandera.pandas as pa
    from optuna.distributions import BaseDistribution

    from training.fit.trainer import Trainer

__all__ = ["Dataset", "EncoderExport", "Evaluation", "Fitted", "Kind", "Options", "Part", "Recipe", "Split"]

Kind = Literal["values", "probabilities", "classes"]
"""What `predicted` and `baseline` hold: values of the target, probabilities of class 1, or class names."""

Q = TypeVar("Q", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user said on the command line that recipes may care about."""

    select: Mapping[str, str] = field(default_factory=dict)
    """`--commodity onion` arrives as {"commodity": "onion"}."""
    seed: int = 7


@dataclass(frozen=True)
class Part:
    """One file (or query) of a dataset: its name, how many rows it gave, and the number of its first row."""

    name: str
    rows: int
    first: int = 2
    """A file's header is row 1."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table as loaded, before any change. `source` is a name for people, never a path or a DSN."""

    frame: pd.DataFrame
    source: str
    sha256: str
    synthetic: bool = False
    parts: tuple[Part, ...] = ()
    """Where the rows came from, in order; errors name file and row with them."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three tables that share no row. `validation` is for early stopping, calibration and thresholds."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    description: dict[str, Any]
    """How it was cut: kind (time or group), column, boundaries, row counts. JSON."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model before export."""

    predict: Callable[[Arrays], Arrays]
    """The native model: the app's inputs to the app's outputs, fitted pre- and post-processing included."""
    context: msgspec.Struct
    """An `App.context` for the manifest."""
    files: dict[str, bytes]
    """Further files of the version folder, such as the native booster for explanations."""
    params: dict[str, Any]
    importance: dict[str, float] = field(default_factory=dict)
    model: Any = None
    """The native object, for `export`."""


@dataclass(frozen=True, kw_only=True)
class EncoderExport:
    """The encoder of an app that keeps a collection: its graph, the native one, and rows to compare them on."""

    model: onnx.ModelProto
    """The collection's inputs to `embedding`, with a dynamic row axis."""
    predict: Callable[[Arrays], Arrays]
    inputs: Arrays
    """At least 1,000 held-out rows, then odd ones."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics beside the naive baseline, and the rows they came from, for plots."""

    metrics: tuple[Metric, ...]
    rows: pd.DataFrame
    """Columns `actual`, `predicted`, `baseline` and, where the app has them, `slice`, `low`, `high`.

    Two versions are compared by three more: `key` names a row by its content, so that it is found in another
    version's rows; `block` is what the recipe's own bootstrap draws together; `score` orders the rows where
    `predicted` is no probability. See `training.measures.evaluation_rows.with_keys`.
    """
    kind: Kind = "values"


class Recipe(ABC, Generic[Q]):
    """An app's training side. The pipeline calls the methods in the order they stand here."""

    app: App[Q, Any, Any]
    schema: pa.DataFrameSchema
    """What a tidy table must look like; errors name row, column and value."""
    time_column: str | None = None
    """The column a time split is cut on; None where groups are split."""
    target: str | None = None
    """The column of the tidy table that is predicted; no other column may equal it."""
    forbidden: tuple[str, ...] = ()
    """Columns that would leak the target or identify the row; a tidy table that has one is refused."""

    selectable: tuple[str, ...] = ()
    """Names the command line takes as options of their own: `--commodity onion` for ("commodity",)."""
    columns: tuple[str, ...] = ()
    """Names of the columns of tab-separated files (`.tsv`, `.txt`), which have no header; empty: none are read."""
    file_column: str = ""
    """A column for the name of each row's file without its ending; empty: none."""

    tables: tuple[str, ...] = ()
    """Names (files without their endings) of the tables a data set is made of; empty: files are one table."""

    defaults: Mapping[str, Any] = {}
    """The parameters a search may choose, as they are without one; `fit` asks `Trainer.tuned` for them."""
    objective: tuple[str, str] = ("", "all")
    """The metric a search goes by: its name and slice. An empty slice is the last there is."""

    def join(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The raw table from the tables in `tables`: a row for every row of the first, under its index.

        Only called where a recipe has `tables`. Raises `DataError`.
        """
        raise NotImplementedError(f"{type(self).__name__} has `tables` and no `join`")

    @abstractmethod
    def generate(self, seed: int) -> pd.DataFrame:
        """A deterministic synthetic raw table, for when no data is given."""

    @abstractmethod
    def tidy(self, raw: pd.DataFrame, options: Options) -> pd.DataFrame:
        """Rename and type the columns of a known layout. Raises `DataError`."""

    @abstractmethod
    def split(self, frame: pd.DataFrame) -> Split:
        """Cut by time or by group."""

    def nest(self, frame: pd.DataFrame) -> Split:
        """Cut train and validation once more, for a search, which never sees the test part.

        To be overridden where `split` cannot cut again what it has cut, such as groups by a hash of their names.
        """
        return self.split(frame)

    def space(self) -> dict[str, BaseDistribution]:
        """What each of `defaults` may be. Empty: there is nothing to tune."""
        return {}

    @abstractmethod
    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit on `train`, stop and calibrate on `validation`. Nothing is chosen or calibrated by what is judged.

        A forecaster from rolling origins may read `test` as each origin's past, and fit what it publishes on all.
        """

    @abstractmethod
    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Metrics on `test` beside the naive baseline."""

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """A published version on `test`: the rows of `evaluate` from `fitted.predict` and `fitted.context` alone.

        `fitted.model` is None; metrics and `baseline` may be missing. Raises `DataError` where the version does
        not fit the table, or cannot be judged without its native model.
        """
        raise DataError(
            f"{self.app.name}: a published version cannot be judged on a file; compare versions by the rows their "
            "trainings kept, without --data"
        )

    @abstractmethod
    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """The app's own part of the gate."""

    @abstractmethod
    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """One ONNX graph with the app's inputs and outputs, fitted parts inside, a dynamic row axis."""

    def encoder(self, fitted: Fitted, split: Split) -> EncoderExport:
        """What searches the app's collection; only called where the app has one."""
        raise NotImplementedError(f"{type(self).__name__}: the app has a collection and the recipe no `encoder`")

    @abstractmethod
    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """At least 1,000 held-out rows, then boundary rows, extreme rows and rows with NaN."""

    @abstractmethod
    def golden(self, split: Split) -> list[Q]:
        """About 32 raw questions taken from the test part."""

    def decisions(self, outputs: Arrays) -> Arrays:
        """Margins whose sign is a decision (`score - threshold`); parity counts flips. Empty: none."""
        return {}
