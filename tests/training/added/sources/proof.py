"""Shared by the tests of converters: jobs, small data, and the whole proof of what was converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.added.build import Built, Wanted, build
from training.added.sources.converted import Converted
from training.added.sources.exchange import Job, Source
from training.progress import Silent

__all__ = ["job", "numbers", "proved", "table", "target"]


def job(path: Path, kind: str, form: str = "", **more: Any) -> Job:
    return Job(source=Source(path=str(path), kind=kind, format=form), memory=8 << 30, seconds=60, **more)


def numbers(rows: int = 200, width: int = 4, seed: int = 0) -> npt.NDArray[np.float32]:
    """Numbers of which some are missing."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((rows, width)).astype(np.float32)
    made[rng.random(made.shape) < 0.05] = np.nan
    return made


def target(rows: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Something to fit: `number`, `positive`, `count`, `class` of two, `classes` of three, `pair`."""
    known = np.nan_to_num(rows)
    value = 2 * known[:, 0] + known[:, 1] ** 2
    kinds: dict[str, Any] = {
        "number": value + 100,
        "positive": np.abs(value) + 1,
        "count": np.maximum(0, np.round(value)),
        "class": (value > 0.5).astype(int),
        "classes": np.digitize(value, [0, 2]),
        "pair": np.stack([value, -value], axis=1),
    }
    made: npt.NDArray[Any] = kinds[kind]
    return made


def table(rows: int = 200) -> pd.DataFrame:
    """Numbers, whole numbers, categories and texts."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "spent": np.round(rng.gamma(2, 50, rows), 2),
            "plan": rng.choice(["basic", "plus", "max"], rows),
            "note": rng.choice(["slow line today", "all good", "good service", "no answer, slow"], rows),
        }
    )


def proved(made: Converted, folder: Path, **wanted: Any) -> Built:
    """Build the version: parity is proved, native first. Raises `AddError` for a graph that is wrong."""
    path = folder / "converted.onnx"
    path.write_bytes(made.model.SerializeToString())
    servable = folder / "servable"
    servable.mkdir()
    options = {"columns": made.columns, "labels": made.labels, **wanted}
    built = build(
        Wanted(
            name="m", path=path, source=path.name, triton=False, native=made.native, notes=made.notes, **options
        ),
        servable,
        Silent(),
    )
    assert built.manifest.parity[0].pair == "native/onnxruntime"
    return built
