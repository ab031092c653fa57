"""Errors of the command line. Each says what to do next; `exit_code` is what the command ends with.

StackError                1  the local stack did not do as asked
├── PartFailed            1  a part died or was not ready in time; has the tail of its log
└── PortInUse             2  somebody else listens there; the message names who

CommandError              2  a command cannot do as asked, and nothing was changed
├── NewAppError           2  `slipway new` cannot make an app of that name there
├── CardError             2  a model card or the page of all cards cannot be written; names file and line
├── TritonLintError       2  there is no model repository to look at
├── PackageError          2  a version cannot be packaged as asked
└── ManifestError         2  manifests cannot be looked at: no such path, a tool or a folder of schemas is missing

KubernetesError           5  the cluster cannot be reached, or does not do as asked
└── ClusterAway           5  trying again may help
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CardError",
    "ClusterAway",
    "CommandError",
    "KubernetesError",
    "ManifestError",
    "NewAppError",
    "PackageError",
    "PartFailed",
    "PortInUse",
    "StackError",
    "TritonLintError",
]


class StackError(Exception):
    """Root of what may go wrong with the local stack."""

    exit_code: ClassVar[int] = 1


class PartFailed(StackError):
    """A part died or was not ready in time. `tail` holds the last lines of its log."""

    def __init__(self, part: str, reason: str, log: str, tail: str) -> None:
        lines = [f"{part}: {reason}", f"log: {log}"]
        super().__init__("\n".join([*lines, *(f"  | {line}" for line in tail.splitlines())]))
        self.part = part
        self.reason = reason
        self.tail = tail


class PortInUse(StackError):
    """Somebody else listens on a port that is wanted."""

    exit_code = 2


class CommandError(Exception):
    """A command cannot do as asked, and nothing was changed."""

    exit_code: ClassVar[int] = 2


class NewAppError(CommandError):
    """`slipway new` cannot make an app of that name there; nothing was written."""


class CardError(CommandError):
    """A model card or the page of all cards cannot be written as asked; nothing was changed."""


class TritonLintError(CommandError):
    """There is no model repository to look at."""


class PackageError(CommandError):
    """A version cannot be packaged as asked; nothing was written."""


class ManifestError(CommandError):
    """Manifests cannot be looked at as asked: a path, a tool or a folder of schemas is missing."""


class KubernetesError(Exception):
    """The cluster did not do as asked. The message holds no credentials."""

    exit_code: ClassVar[int] = 5


class ClusterAway(KubernetesError):
    """The cluster could not be reached or is overloaded; trying again may help."""
