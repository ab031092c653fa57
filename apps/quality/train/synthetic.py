"""Synthetic lots, used if no data is given: the same seed gives the same table, bit for bit.

Each supplier sends most lots in one of three ordered grades. A lot's measurements depend on its grade, on its
supplier's soil and variety, and on chance. Graders make occasional errors, values are missing, and lots repeat.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["GRADES", "LOTS", "SUPPLIERS", "generate"]

Floats = npt.NDArray[np.float64]

GRADES = {"C": 20.0, "B": 60.0, "A": 100.0}
"""Name and value of each grade."""
SUPPLIERS = 160
LOTS = 50
"""Lots of each supplier."""
MEASUREMENTS = {
    # name: (grade C, grade B, grade A, spread within a supplier, spread between suppliers)
    "length": (19.2, 20.6, 21.4, 0.7, 0.5),
    "width": (9.7, 10.2, 10.6, 0.35, 0.2),
    "weight": (1.12, 1.24, 1.31, 0.06, 0.03),
    "moisture": (13.4, 12.4, 11.8, 0.5, 0.4),
    "colour": (54.0, 58.5, 62.0, 2.2, 1.5),
    "damaged": (4.6, 3.0, 1.9, 0.7, 0.3),
    "foreign": (1.5, 0.9, 0.6, 0.22, 0.1),
    "density": (75.2, 77.3, 78.5, 0.9, 0.5),
}
MOST_IN_ONE_GRADE = 0.85
MISGRADED = 0.03
MISSING = 0.01
TWICE = 20


def generate(seed: int) -> pd.DataFrame:
    """Return about 8,000 rows: supplier, measurements, grade and grade_value; a supplier's lots stay in order."""
    rng = np.random.default_rng(seed)
    names = np.array(list(GRADES))
    count = SUPPLIERS * LOTS
    supplier = np.repeat(np.arange(SUPPLIERS), LOTS)
    main = rng.integers(0, len(GRADES), SUPPLIERS)[supplier]
    grade = np.where(rng.random(count) < MOST_IN_ONE_GRADE, main, rng.integers(0, len(GRADES), count))
    # The measurements of a good lot are mostly good together.
    common = rng.normal(0, 0.5, count)
    table: dict[str, npt.NDArray[np.generic]] = {
        "supplier": np.array([f"S{number:03}" for number in range(SUPPLIERS)])[supplier]
    }
    for name, (*by_grade, within, between) in MEASUREMENTS.items():
        sign = np.sign(by_grade[-1] - by_grade[0])
        values = np.array(by_grade)[grade] + rng.normal(0, between, SUPPLIERS)[supplier]
        values += within * (sign * common + rng.normal(0, 0.85, count))
        values = np.maximum(values, 0.0).round(3)
        table[name] = np.where(rng.random(count) < MISSING, np.nan, values)
    stated = np.where(rng.random(count) < MISGRADED, rng.integers(0, len(GRADES), count), grade)
    table["grade"] = names[stated]
    table["grade_value"] = np.array(list(GRADES.values()))[stated]
    frame = pd.DataFrame(table)
    again = frame.iloc[np.sort(rng.choice(count, TWICE, replace=False))]
    return pd.concat([frame, again]).sort_index(kind="stable").reset_index(drop=True)
