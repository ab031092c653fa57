"""Past shipments as seen on one day, with what was known of them by then.

A shipment that was due counts in any case: delivered in time, delivered late, or still open and therefore late. A
shipment that is due later but arrived early is counted separately. The outcome of other shipments due later is
unknown, so including the early ones would bias the late share downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.vendor.serve.columns import WINDOW, WINDOW_HERE

__all__ = ["AGE", "DELAY", "FAR", "HERE", "MOST", "OPEN", "Histories", "latest", "seen", "stack"]

Cells = npt.NDArray[np.int16]
Days = npt.NDArray[np.int64]

AGE, DELAY, OPEN, HERE = range(4)
"""Columns of a shipment: days since it was due, days from then to its delivery (to the question, if it is
open), whether it is open, whether it went to the country of the question."""
MOST = WINDOW + WINDOW_HERE
"""Maximum number of shipments used."""
FAR = 20_000
"""Days are clipped to this limit."""


@dataclass(slots=True, eq=False)
class Histories:
    """Shipments of each question, latest first; one row per question.

    The first 200 are the vendor's latest; older ones to the country of the question follow.
    """

    cells: Cells
    """[n, 300, 4]; zeros beyond `count`."""
    count: npt.NDArray[np.int64]
    """[n] number of shipments used."""
    ahead: npt.NDArray[np.int64]
    """[n, 2] number of shipments that arrived early and were due on the day of the question or later; number of
    these that went to the country of the question."""


def seen(asked: int, scheduled: Days, delivered: Days, here: npt.NDArray[np.bool_]) -> Cells:
    """Return the shipments known on the day `asked` (an ordinal), [k, 4]; see `latest`.

    `scheduled` and `delivered` are ordinals. A delivery after `asked` counts as open, so later events never change
    the result.
    """
    known = (scheduled < asked) | (delivered <= asked)
    scheduled, delivered, here = scheduled[known], delivered[known], here[known]
    is_open = delivered > asked
    table = np.empty((len(scheduled), 4), dtype=np.int16)
    table[:, AGE] = np.clip(asked - scheduled, -FAR, FAR)
    table[:, DELAY] = np.clip(np.where(is_open, asked, delivered) - scheduled, -FAR, FAR)
    table[:, OPEN] = is_open
    table[:, HERE] = here
    return latest(table)


def latest(table: Cells) -> Cells:
    """Return the 200 shipments due last and 100 to the question's country, latest first; then those not yet due.

    Ties are ordered by all columns, so the order of the input does not matter.
    """
    table = table[np.lexsort((table[:, HERE], table[:, OPEN], table[:, DELAY], table[:, AGE]))]
    due = table[:, AGE] > 0
    table, ahead = table[due], table[~due]
    here = table[:, HERE] > 0
    kept = here & (np.cumsum(here) <= WINDOW_HERE)
    kept[:WINDOW] = True
    return np.concatenate([table[kept], ahead])


def stack(tables: list[Cells]) -> Histories:
    """Return one row per table of `seen`."""
    cells = np.zeros((len(tables), MOST, 4), dtype=np.int16)
    count = np.zeros(len(tables), dtype=np.int64)
    ahead = np.zeros((len(tables), 2), dtype=np.int64)
    for row, table in enumerate(tables):
        count[row] = due = int((table[:, AGE] > 0).sum())
        cells[row, :due] = table[:due]
        ahead[row] = len(table) - due, table[due:, HERE].sum()
    return Histories(cells, count, ahead)
