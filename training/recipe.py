"""The interface between the pipeline and an app's recipe, and the plain data that the steps pass on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
import onnx
import pandas as pd

from serving.kernel.app import App
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.alone import MOST_CLASSES

if TYPE_CHECKING:
    import pandera.pandas as pa
    from optuna.distributions import BaseDistribution

    from training.fit.trainer import Trainer

__all__ = [
    "Dataset",
    "EncoderExport",
    "Evaluation",
    "Fitted",
    "Floor",
    "Kind",
    "QuestionColumns",
    "RealData",
    "Recipe",
    "RecipeOptions",
    "RowOrigin",
    "Split",
    "floors_of",
]

Kind = Literal["values", "probabilities", "classes"]
"""What `predicted` and `baseline` contain: values of the target, probabilities of class 1, or class names."""

Q = TypeVar("Q", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """The command line options that a recipe may use."""

    select: Mapping[str, str] = field(default_factory=dict)
    """`--commodity onion` arrives as {"commodity": "onion"}."""
    seed: int = 7
    allowed: tuple[str, ...] = ()
    """Columns that may look like leaks: `--allow-column`."""


@dataclass(frozen=True)
class RowOrigin:
    """A file (or query) of a dataset: its name, its number of rows, and the number of its first row."""

    name: str
    rows: int
    first: int = 2
    """A file's header is row 1."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table as loaded, before any change. `source` is a name to display, never a path or a DSN."""

    frame: pd.DataFrame
    source: str
    sha256: str
    synthetic: bool = False
    origins: tuple[RowOrigin, ...] = ()
    """The origins of the rows, in order; errors use them to name file and row."""
    notes: tuple[str, ...] = ()
    """How numbers and dates of the text were read, where that is not plain."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three tables without a common row. `validation` is for early stopping, calibration and thresholds."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    description: dict[str, Any]
    """How the table was split, as JSON: kind (time or group), column, boundaries, row counts."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model, before the export."""

    predict: Callable[[Arrays], Arrays]
    """The native model, from the app's inputs to its outputs, including fitted pre- and post-processing."""
    context: msgspec.Struct
    """The value of `App.context` for the manifest."""
    files: dict[str, bytes]
    """More files for the version folder, such as the native booster for explanations."""
    params: dict[str, Any]
    importance: dict[str, float] = field(default_factory=dict)
    model: Any = None
    """The native model object, for `export`."""


@dataclass(frozen=True, kw_only=True)
class EncoderExport:
    """The encoder of an app with a collection: its graph, the native model, and rows on which to compare them."""

    model: onnx.ModelProto
    """From the collection's inputs to `embedding`, with a dynamic row axis."""
    predict: Callable[[Arrays], Arrays]
    inputs: Arrays
    """At least 1,000 held-out rows, or all there are, then unusual ones."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics beside the naive baseline, and the rows behind them."""

    metrics: tuple[Metric, ...]
    rows: pd.DataFrame
    """Columns `actual`, `predicted`, `baseline` and, if the app has them, `slice`, `low`, `high`.

    The comparison of two versions needs three more. `key` identifies a row by its content, in the rows of any
    version. Rows with the same `block` are drawn together by the bootstrap. `score` ranks the rows when
    `predicted` is not a probability. See `training.measures.evaluation_rows.with_keys`.
    """
    kind: Kind = "values"

    @property
    def by_slice(self) -> dict[tuple[str, str], Metric]:
        """The metrics by name and slice."""
        return {(metric.name, metric.slice): metric for metric in self.metrics}


@dataclass(frozen=True)
class Floor:
    """A figure that a version must reach on real data: of the metric `metric` in the slice `part`."""

    metric: str
    part: str
    value: float


def floors_of(part: str, **values: float) -> tuple[Floor, ...]:
    """Floors of one slice, by the names of the metrics."""
    return tuple(Floor(metric, part, value) for metric, value in values.items())


@dataclass(frozen=True, kw_only=True)
class RealData:
    """A public data set that an app is judged on, and what models without tuning reach on it."""

    name: str
    """What the data set is called in tables."""
    files: tuple[str, ...]
    """Below the folder that `SLIPWAY_DATA` names; its README.md says where the files and the floors come from."""
    select: Mapping[str, str] = field(default_factory=dict)
    """The app's own options, as in `RecipeOptions`."""
    floors: tuple[Floor, ...]
    plain: str
    """The model that the floors were measured with, such as XGBoost."""


@dataclass(frozen=True, kw_only=True)
class QuestionColumns:
    """How a row of a training table is a question: the numbers of some columns fill one field, by column name."""

    field: str
    """The field of the question, a dictionary of numbers."""
    columns: tuple[str, ...]
    """All columns that the version was trained on."""


class Recipe(ABC, Generic[Q]):
    """The training side of an app. The pipeline calls the methods in the order of this class.

    A method may be a function of another module: `split = staticmethod(data.cut)`.
    """

    app: App[Q, Any, Any]
    schema: pa.DataFrameSchema
    """The schema of the tidy table; errors name row, column and value."""
    time_column: str | None = None
    """The column by which time is split; None for a split by groups."""
    target: str | None = None
    """The column to predict; no other column of the tidy table may equal it."""
    forbidden: tuple[str, ...] = ()
    """Columns that leak the target or identify the row; a tidy table with one of them is refused."""
    keys: tuple[str, ...] = ()
    """Columns of the tidy table that are not features, such as the groups of the split: they cannot leak."""

    carriers: ClassVar[Mapping[str, str]] = {}
    """Columns that are expected to carry (nearly) the whole prediction, and why, in words for the card."""
    alone: float = 0.98
    """The macro-F1 from which on a single column alone predicts classes implausibly well.

    The best of the real sets is 0.964, of `http`. See `training/data/leaks.py`.
    """
    implausible: float = 0.995
    """The skill on test rows (1: no error) from which on a score is implausibly good.

    See `training/measures/carried.py`.
    """

    selectable: tuple[str, ...] = ()
    """Options that the command line takes for this app: `--commodity onion` for ("commodity",)."""
    columns: tuple[str, ...] = ()
    """Column names of tab-separated files (`.tsv`, `.txt`), which have no header; empty refuses such files."""
    file_column: str = ""
    """A column for the name of each row's file without its ending; empty for no such column."""
    series: tuple[str, ...] = ()
    """Columns that name a series in time, such as commodity and market; the target is watched by series."""

    tables: tuple[str, ...] = ()
    """Names of the tables to join (file names without their endings); empty when the files form one table."""

    question_needs: str = ""
    """Why a row of the training table is not a question, in words; empty where it is one."""

    defaults: Mapping[str, Any] = {}
    """Default values of the parameters that a search may change; `fit` gets the values from `Trainer.tuned`."""
    real_data: RealData | None = None
    """The data set that `python -m benchmarks catalog` trains the app on."""
    objective: tuple[str, str] = ("", "all")
    """Name and slice of the metric that a search optimizes. An empty slice means the last slice."""

    def join(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Join the tables named in `tables`: one row for every row of the first table, with its index.

        Called only for recipes with `tables`. Raises `DataError`.
        """
        raise NotImplementedError(f"{type(self).__name__} has `tables` but no `join`")

    @abstractmethod
    def generate(self, seed: int) -> pd.DataFrame:
        """A deterministic synthetic raw table, used when no data is given."""

    @abstractmethod
    def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
        """Recognize the layout of the raw table, and rename and convert its columns. Raises `DataError`.

        `attrs["unused"]` of the result names the columns of `raw` that are not used; without it, these are the
        columns whose names the result lacks. `attrs["notes"]` has sentences on what was done to the rows.
        """

    @abstractmethod
    def split(self, frame: pd.DataFrame) -> Split:
        """Split by time or by group."""

    def nest(self, frame: pd.DataFrame) -> Split:
        """Split train and validation again for a search, which never sees the test part.

        Override it when `split` cannot split its own parts again, such as groups by a hash of their names.
        """
        return self.split(frame)

    def space(self) -> dict[str, BaseDistribution]:
        """The search space of each parameter in `defaults`; empty when there is nothing to tune."""
        return {}

    @abstractmethod
    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit on `train`, stop early and calibrate on `validation`. Never choose or calibrate by the test part.

        A forecaster that is judged from rolling origins may read `test` as the past of later origins, and may fit
        the published model on all rows.
        """

    @abstractmethod
    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Metrics on `test` beside the naive baseline."""

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """Judge a published version on `test`, using only `fitted.predict` and `fitted.context`.

        Returns the rows of `evaluate`; metrics and `baseline` may be missing. `fitted.model` is None. Raises
        `DataError` when the version does not fit the table, or cannot be judged without its native model.
        """
        raise DataError(
            f"{self.app.name}: a published version cannot be judged on a file; leave out --data to compare the "
            "rows that the trainings kept"
        )

    def inputs(self, test: pd.DataFrame) -> tuple[str, ...]:
        """The columns of the tidy table that the answers may rest on, beside the past of the target itself."""
        known = {self.time_column, self.target, *self.keys, *self.series}
        return tuple(str(name) for name in test.columns if name not in known)

    def sample(self, test: pd.DataFrame, rows: int) -> pd.DataFrame:
        """Up to about `rows` rows of the test part, spread over it. Of each class, up to equally many."""
        if self.target is None or test[self.target].nunique() > MOST_CLASSES:
            return test.iloc[:: max(1, -(-len(test) // rows))]
        classes = test.groupby(self.target, sort=False)
        step = -(-classes[self.target].transform("size") // max(1, rows // classes.ngroups))
        spread: pd.DataFrame = test[(classes.cumcount() % step).to_numpy() == 0]
        return spread

    def answers(self, fitted: Fitted, split: Split) -> Evaluation:
        """The answers to the rows of `test`, as `judged` gives them; called once for each of the `inputs`.

        Override it where `judged` does more, such as bootstrap intervals.
        """
        return self.judged(fitted, split)

    @abstractmethod
    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """The app's own checks of the gate."""

    @abstractmethod
    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """One ONNX graph with the app's inputs and outputs, all fitted parts inside, and a dynamic row axis."""

    def encoder(self, fitted: Fitted, split: Split) -> EncoderExport:
        """The encoder for searches of the app's collection. Called only for apps with a collection."""
        raise NotImplementedError(
            f"{type(self).__name__}: the app has a collection but the recipe has no `encoder`"
        )

    @abstractmethod
    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """At least 1,000 held-out rows, then rows at split values, extreme rows, and rows with NaN.

        If the test part has fewer rows, all of them: the pipeline adds mixed copies of them.
        """

    @abstractmethod
    def golden(self, split: Split) -> list[Q]:
        """About 32 raw questions from the test part."""

    def question_columns(self, context: Any) -> QuestionColumns | None:
        """The columns that make a question of a row of the training table, for a version with this context.

        With it, `slipway score` takes the tables that the app is trained on. None when a row alone is not a
        question, such as one that needs earlier rows.
        """
        return None

    def row_questions(self, raw: pd.DataFrame) -> Sequence[Q]:
        """A question for each row of a raw training table, in their order, where `question_columns` is not enough.

        Called only where it is overridden. Raises `DataError`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `row_questions`")

    def decisions(self, outputs: Arrays) -> Arrays:
        """Margins whose sign is a decision (`score - threshold`); parity counts flips. Empty for no decisions."""
        return {}
