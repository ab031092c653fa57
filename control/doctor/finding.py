"""What a check of `slipway doctor` found."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "State"]

State = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    check: str
    state: State
    text: str
    advice: str = ""
    """What to do; empty if nothing is to be done."""
