"""Errors of the command line. Each message says what to do next; `exit_code` is the exit code of the command.

StackError                1  the local stack failed
├── PartFailed            1  a part died or was not ready in time; the message has the end of its log
└── PortInUse             2  another process listens on the port; the message names it

CommandError              2  the command cannot be carried out; nothing was changed
├── NewAppError           2  `slipway new` cannot create an app of that name, or for that file
├── CardError             2  a model card or the page of all cards cannot be written; names file and line
├── TritonLintError       2  there is no model repository to check
├── PackageError          2  a version cannot be packaged
└── ManifestError         2  manifests cannot be checked: a path, a tool or the folder of schemas is missing

KubernetesError           5  the cluster cannot be reached, or refuses a request
└── ClusterAway           5  another attempt may succeed
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
    """Root of the errors of the local stack."""

    exit_code: ClassVar[int] = 1


class PartFailed(StackError):
    """A part died or was not ready in time. `tail` has the last lines of its log."""

    def __init__(self, part: str, reason: str, log: str, tail: str) -> None:
        lines = [f"{part}: {reason}", f"log: {log}"]
        super().__init__("\n".join([*lines, *(f"  | {line}" for line in tail.splitlines())]))
        self.part = part
        self.reason = reason
        self.tail = tail


class PortInUse(StackError):
    """Another process listens on a port that the stack needs."""

    exit_code = 2


class CommandError(Exception):
    """A command cannot be carried out; nothing was changed."""

    exit_code: ClassVar[int] = 2


class NewAppError(CommandError):
    """`slipway new` cannot create an app of that name, or for that file; nothing was written."""


class CardError(CommandError):
    """A model card or the page of all cards cannot be written; nothing was changed."""


class TritonLintError(CommandError):
    """There is no model repository to check."""


class PackageError(CommandError):
    """A version cannot be packaged; nothing was written."""


class ManifestError(CommandError):
    """Manifests cannot be checked: a path, a tool or the folder of schemas is missing."""


class KubernetesError(Exception):
    """The cluster cannot be reached or refuses a request. The message holds no credentials."""

    exit_code: ClassVar[int] = 5


class ClusterAway(KubernetesError):
    """The cluster cannot be reached or is overloaded; another attempt may succeed."""
