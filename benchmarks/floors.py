"""The real data sets that the apps are judged on, and what plain models reach on them.

A floor is what scikit-learn, XGBoost or Prophet gives on the same data without tuning; `PUBLISHED` is what others
report. Both are from the README.md of the folder of data sets that `SLIPWAY_DATA` names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.place import BenchmarkError
from serving.kernel.storage.version_manifest import Metric

__all__ = ["CASES", "FRAUD", "Case", "Floor", "FraudFloor", "data_folder", "reaches"]


@dataclass(frozen=True)
class Floor:
    """A figure to be reached: that of the metric `metric` of the slice `part`."""

    metric: str
    part: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Case:
    """One app, one data set, and what plain models reach on it."""

    app: str
    data: str
    """What the data set is called in tables."""
    files: tuple[str, ...]
    """Below `SLIPWAY_DATA`."""
    select: Mapping[str, str] = field(default_factory=dict)
    floors: tuple[Floor, ...]
    plain: str
    """What the floors were measured with."""


def _each(part: str, **values: float) -> tuple[Floor, ...]:
    return tuple(Floor(metric, part, value) for metric, value in values.items())


CASES = (
    Case(
        app="price",
        data="onions, Karnataka",
        files=("price/ONION_KARNATAKA.csv",),
        select={"commodity": "onion"},
        floors=(
            *_each("horizon 1", mae=234, r2=0.866),
            *_each("horizon 1, busy markets", mae=234, r2=0.866),
            *_each("horizon 7", mae=450, r2=0.658),
            *_each("horizon 7, busy markets", mae=450, r2=0.658),
        ),
        plain="XGBoost on log(price / last price)",
    ),
    Case(
        app="demand",
        data="bike sharing, days",
        files=("demand/hour.csv",),
        floors=_each("30 days", wape=20.0, wape_worst=32.0),
        plain="Prophet",
    ),
    Case(
        app="quality",
        data="Dry Bean",
        files=("quality/Dry_Bean_Dataset.csv",),
        floors=_each("all", accuracy=0.923, macro_f1=0.934),
        plain="RandomForest",
    ),
    Case(
        app="fraud",
        data="mammography",
        files=("fraud/23_mammography.npz",),
        floors=_each("all", auroc=0.885),
        plain="autoencoder",
    ),
    Case(
        app="matching",
        data="Amazon-Google",
        files=tuple(f"matching/amazon_google/{part}.txt" for part in ("train", "valid", "test")),
        floors=(*_each("all", f1=0.658), *_each("full table of 2074", hit_at_1=0.819)),
        plain="RandomForest on similarities; letter TF-IDF",
    ),
    Case(
        app="struggle",
        data="OULAD",
        files=("struggle",),
        floors=(
            *_each("day 60", auroc=0.770, accuracy=0.727, recall=0.597),
            *_each("day 120", auroc=0.838, accuracy=0.781, recall=0.664),
            *_each("day 180", auroc=0.893, accuracy=0.823, recall=0.726),
        ),
        plain="XGBoost",
    ),
    Case(
        app="vendor",
        data="SCMS",
        files=("vendor/SCMS_Delivery_History_Dataset.csv",),
        floors=tuple(
            floor
            for part in ("7 days ahead", "30 days ahead", "60 days ahead")
            for floor in _each(part, auroc=0.806, average_precision=0.293)
        ),
        plain="XGBoost on the vendor's past",
    ),
)
"""One data set per app, the one its model card begins with."""


@dataclass(frozen=True)
class FraudFloor:
    """AUROC of a plain autoencoder fitted on normal records, and the published one of IsolationForest."""

    file: str
    plain: float
    published: float | None = None


FRAUD = {
    "mammography": FraudFloor("23_mammography.npz", 0.885),
    "satellite": FraudFloor("30_satellite.npz", 0.795),
    "thyroid": FraudFloor("38_thyroid.npz", 0.977),
    "smtp": FraudFloor("34_smtp.npz", 0.90),
    "shuttle": FraudFloor("32_shuttle.npz", 0.9985, 0.997),
    "http": FraudFloor("16_http.npz", 0.999, 0.994),
    "campaign": FraudFloor("5_campaign.npz", 0.757, 0.736),
}
"""The anomaly sets of ADBench; published: semi-supervised, table 1 of the paper on DTE."""


def data_folder() -> Path:
    """The folder that `SLIPWAY_DATA` names. Raises `BenchmarkError` where there is none."""
    named = os.environ.get("SLIPWAY_DATA", "")
    folder = Path(named)
    if not named or not folder.is_dir():
        raise BenchmarkError("SLIPWAY_DATA is not set to a folder of real data sets")
    return folder.resolve()


def reaches(metric: Metric, floor: float) -> bool:
    """Whether the metric is at least as good as the floor."""
    return metric.value >= floor if metric.better == "higher" else metric.value <= floor
