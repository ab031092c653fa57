"""One finding: which rule, where, and what exactly is wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from control.manifests.rules import Rule, rules

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """`file` is relative to where the command runs; `line` is 0 where an object was rendered, not written."""

    file: str
    line: int
    resource: str
    field: str
    id: str
    message: str
    sources: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    """What was rendered when it was found, such as a chart with a value set."""

    @property
    def rule(self) -> Rule:
        """The rule that was broken."""
        return rules()[self.id]

    @property
    def severity(self) -> Literal["error", "warning"]:
        """The rule's."""
        return self.rule.severity
