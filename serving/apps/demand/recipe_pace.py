"""Daily and monthly series: their horizons, and where the rolling origins of a backtest lie.

An origin is counted back from the last day (or month) of the table: a forecast from `back` sees everything but the
last `back` steps. Each horizon is judged on its six latest origins; the plan is chosen on origins before all of
them, with truths that lie before all of them. The level of the interval is set anew at every origin, by the four
before it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from serving.apps.demand.columns import MAX_DAYS, MAX_MONTHS
from serving.apps.demand.features import ahead
from serving.apps.demand.schema import Frequency

__all__ = ["ORIGINS", "PACES", "Pace"]

ORIGINS = 6
"""Rolling origins per horizon."""
CHOOSING = 4
"""Origins that the plan is chosen on, and that the level of an interval is set by."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What differs between daily and monthly series; everything is in steps of the series."""

    frequency: Frequency
    horizons: tuple[int, ...]
    spacing: int
    """Between two origins; divides the horizons."""
    season: int
    """What seasonal-naive repeats."""
    block: int
    """Of the bootstrap."""
    least: int
    """Shortest series that can be judged."""

    @property
    def steps(self) -> int:
        """Longest horizon."""
        return self.horizons[-1]

    @property
    def held_out(self) -> int:
        """Steps of the test part."""
        return self.steps + (ORIGINS - 1) * self.spacing

    def origins(self, horizon: int) -> tuple[int, ...]:
        """The six origins that `horizon` is judged on, the latest first."""
        return tuple(horizon + number * self.spacing for number in range(ORIGINS))

    @property
    def judged(self) -> tuple[int, ...]:
        """All origins of the test part."""
        return tuple(range(self.horizons[0], self.held_out + 1, self.spacing))

    @property
    def choosing(self) -> tuple[int, ...]:
        """Origins of the validation part; what they are measured on ends where the test part begins."""
        return tuple(self.held_out + number * self.spacing for number in range(1, CHOOSING + 1))

    def setting(self, origin: int) -> tuple[int, ...]:
        """The origins whose truths known at `origin` set the level of its intervals."""
        return tuple(origin + number * self.spacing for number in range(1, CHOOSING + 1))

    def back(self, last: datetime.date, steps: int) -> datetime.date:
        """The day or month `steps` before `last`."""
        return ahead(last, -steps, self.frequency)


PACES: dict[str, Pace] = {
    "day": Pace(frequency="day", horizons=(30, 60, MAX_DAYS), spacing=30, season=7, block=14, least=2 * 365),
    "month": Pace(frequency="month", horizons=(3, 6, MAX_MONTHS), spacing=3, season=12, block=1, least=5 * 12 + 3),
}
"""By frequency."""
