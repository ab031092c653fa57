"""What the process that inspects a model tells the one that waits for it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from training.added.errors import AddError
from training.added.graphs.engine import EngineFailed
from training.errors import TrainingError

__all__ = ["Advanced", "Done", "Ended", "Failed", "Message", "Said", "Started", "failed"]


@dataclass(frozen=True)
class Started:
    """A step began."""

    step: str


@dataclass(frozen=True)
class Ended:
    """The step that began last ended."""


@dataclass(frozen=True)
class Advanced:
    """Rounds of the running step are finished."""

    done: int
    total: int
    note: str


@dataclass(frozen=True)
class Said:
    """A message for the user."""

    text: str


@dataclass(frozen=True)
class Done:
    """The work ended; `fields` are those of `Built` that another process can have."""

    fields: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """The work ended with an error, in parts: not every exception can be pickled as a whole."""

    kind: type[BaseException]
    arguments: tuple[Any, ...]
    state: dict[str, Any]
    trace: str

    def error(self) -> BaseException:
        """The error as it was raised; a bug has its traceback as a note."""
        made: BaseException = self.kind.__new__(self.kind, *self.arguments)
        made.__dict__.update(self.state)
        if not isinstance(made, TrainingError):
            made.add_note(self.trace)
        return made


Message = Started | Ended | Advanced | Said | Done | Failed


def failed(cause: Exception) -> Failed:
    """The message for an error. Errors of the engine and of memory are the model's, not bugs."""
    if isinstance(cause, EngineFailed):
        cause = AddError(f"the model failed while it was inspected: {cause}")
    elif isinstance(cause, MemoryError):
        cause = AddError("the model needs more memory than is free here")
    trace = "".join(traceback.format_exception(cause))
    state = {key: value for key, value in cause.__dict__.items() if not key.startswith("__")}
    return Failed(type(cause), cause.args, state, trace)
