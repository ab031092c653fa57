"""Follow a repository until interrupted, and say what changes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from control.console import fail, note
from control.triton.follow import Served
from control.triton.report import Report
from control.triton.server import TritonAway
from control.triton.status import StatusError

__all__ = ["Looks", "Writes", "keep_current"]

AGAIN_SECONDS = 60.0
"""After this time the status is compared again: somebody may have replaced it."""


class Looks(Protocol):
    """Compares a repository with Triton once, as a `Follower` does."""

    def look(self) -> Sequence[Served]:
        """What Triton serves now. Raises `TritonAway`."""


class Writes(Protocol):
    """Where the state is written, as a `Status` does."""

    def write(self, served: Sequence[Served]) -> None:
        """Replace what was written before. Raises `StatusError`."""


def keep_current(
    follower: Looks, every: float, report: Report | None = None, status: Writes | None = None
) -> Sequence[Served]:
    """Look every `every` seconds; with 0, look once and return what Triton serves. Raises `TritonAway` then."""
    said: object = None
    written: object = None
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
        if status is not None and served is not None and (served, time.monotonic() // AGAIN_SECONDS) != written:
            written = _write(status, served)
        if not every:
            return served or ()
        time.sleep(every)


def _write(status: Writes, served: Sequence[Served]) -> object:
    """What was tried then, to be tried again later if it failed. Following goes on in any case."""
    try:
        status.write(served)
    except StatusError as error:
        fail(str(error))
    return served, time.monotonic() // AGAIN_SECONDS


def _line(one: Served) -> str:
    versions = ", ".join(f"{v} (champion)" if v == one.champion else str(v) for v in one.versions)
    return f"{one.model}: {versions or 'no version'}{'; ' if one.problem else ''}{one.problem}"
