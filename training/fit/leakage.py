"""Find features that leak the target, before a fit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import DataError
from training.fit.alone import LEAST_ROWS, correlation, separation

__all__ = ["refuse_leaking_features", "too_good", "way_out"]

FOLLOWS = 0.99
"""A correlation with a quantity at which a feature is implausibly good."""
SEPARATES = 0.999
"""An AUROC of one feature at which it is implausibly good."""
MOST_ROWS = 20_000
"""Of larger tables, rows at equal distances are measured."""


def refuse_leaking_features(
    features: npt.NDArray[Any],
    target: npt.NDArray[Any],
    names: Sequence[str] = (),
    allowed: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> None:
    """Refuse a feature matrix [rows, columns] with a column that alone predicts the target implausibly well.

    For a target of 0 and 1, the measure is the AUROC; otherwise it is the correlation of values or ranks. `names`
    are those of the columns; features in `allowed` are not looked at, nor is `column=value` of an allowed column.
    `columns` are those of the table: another feature is computed from them, and the refusal says so. Raises
    `DataError`.
    """
    if len(target) < LEAST_ROWS or np.ptp(target) == 0:
        return
    step = -(-len(target) // MOST_ROWS)
    features, values = features[::step], target[::step].astype(np.float64)
    for index in range(features.shape[1]):
        name = names[index] if len(names) == features.shape[1] else f"feature {index}"
        kept = name in allowed or name.partition("=")[0] in allowed
        found = "" if kept else too_good(features[:, index].astype(np.float64), values)
        if found:
            own = not columns or name in columns
            what = f"column {name!r}" if own else f"feature {name!r}, which the app computes from the data,"
            raise DataError(
                f"{what} leaks the target: alone, it predicts it implausibly well ({found}); "
                + way_out(name, own=own)
            )


def way_out(*names: str, own: bool = True) -> str:
    """What the user can do about columns that look like leaks; without `own`, they are features."""
    them = "it" if len(names) == 1 else "them"
    remove = f"remove {them} from the data" if own else f"remove or mend the columns behind {them}"
    options = " ".join(f"--allow-column {shlex.quote(name)}" for name in names)
    return f"{remove}, or keep {them} with {options}"


def too_good(column: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> str:
    """The measure by which a column predicts the target implausibly well; empty if it does not."""
    known = np.isfinite(column)
    if known.sum() < LEAST_ROWS:
        return ""
    if np.isin(target, (0.0, 1.0)).all():
        area = separation(column[known], target[known] == 1)
        return f"AUROC {area:.4f}" if area >= SEPARATES else ""
    follows = correlation(column, target)
    return f"correlation {follows:.4f}" if follows >= FOLLOWS else ""
