"""The error of a file that cannot be added."""

from __future__ import annotations

from typing import ClassVar

from training.errors import TrainingError

__all__ = ["AddError"]


class AddError(TrainingError):
    """The model cannot be added as it is. The message says why and what to do; nothing was written."""

    exit_code: ClassVar[int] = 2
