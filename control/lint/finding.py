"""One finding: which rule was broken, where, and what exactly is wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from control.lint.rules import Rule

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """One place that breaks one rule. Findings are equal wherever they were found."""

    file: str
    line: int
    """0 where the text has no lines of its own: an object was rendered, or the file is missing."""
    subject: str
    """The Kubernetes object, such as `Deployment/gateway`, or the model. Empty where neither is known."""
    field: str
    """Path of the field below the subject, such as `spec.ports[0]` or `input[0].dims`."""
    rule: Rule
    problem: str
    """What is wrong, or the value that is wrong."""
    expected: str = ""
    """What would be right, where the problem does not say it."""
    own_fix: str = ""
    """What to do about this finding, where the rule has no fix."""
    own_severity: Literal["", "error", "warning"] = ""
    """Where the finding is milder than its rule: what it names may exist elsewhere."""
    sources: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    """What was rendered when it was found, such as a chart with a value set."""

    @property
    def id(self) -> str:
        """Id of the rule."""
        return self.rule.id

    @property
    def severity(self) -> Literal["error", "warning"]:
        """Its own severity, or that of the rule."""
        return self.own_severity or self.rule.severity

    @property
    def fix(self) -> str:
        """What to do; empty where it is not known."""
        return self.own_fix or self.rule.fix

    @property
    def message(self) -> str:
        """The problem and what was expected."""
        return f"{self.problem}; expected {self.expected}" if self.expected else self.problem

    @property
    def advice(self) -> str:
        """The message followed by the fix."""
        return f"{self.message}. {self.fix}" if self.fix else self.message
