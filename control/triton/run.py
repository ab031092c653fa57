"""Follow a repository until interrupted, and say what changes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from control.console import fail, note
from control.triton.follow import Served
from control.triton.report import Report
from control.triton.server import TritonAway

__all__ = ["Looks", "keep_current"]


class Looks(Protocol):
    """Compares a repository with Triton once, as a `Follower` does."""

    def look(self) -> Sequence[Served]:
        """What Triton serves now. Raises `TritonAway`."""


def keep_current(follower: Looks, every: float, report: Report | None = None) -> Sequence[Served]:
    """Look every `every` seconds; with 0, look once and return what Triton serves. Raises `TritonAway` then."""
    said: object = None
    while True:
        served: Sequence[Served] | None = None
        try:
            served = follower.look()
        except TritonAway as away:
            if not every:
                raise
            if said != str(away):
                fail(str(away))
            said = str(away)
        if report is not None:
            report.show(served)
        if served is not None and served != said:
            for one in served:
                note(_line(one))
            said = served
        if not every:
            return served or ()
        time.sleep(every)


def _line(one: Served) -> str:
    versions = ", ".join(f"{v} (champion)" if v == one.champion else str(v) for v in one.versions)
    return f"{one.model}: {versions or 'no version'}{'; ' if one.problem else ''}{one.problem}"
