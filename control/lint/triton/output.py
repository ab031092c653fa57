"""What `slipway triton lint` prints: the columns of its table, the names of its JSON, its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.lint.finding import Finding
from control.lint.report import Linter, Report
from control.lint.rules import TRITON_FAMILIES, Rule, triton_rules

__all__ = ["Models", "TritonLinter", "sentence"]


@dataclass(frozen=True)
class Models:
    """The names of the checked models, in order."""

    names: tuple[str, ...] = ()


class TritonLinter(Linter[Models]):
    """The output of `slipway triton lint`."""

    name = "slipway triton lint"
    columns = ("where", "severity", "rule", "finding")
    families = TRITON_FAMILIES

    def rules(self) -> Mapping[str, Rule]:
        """The T rules."""
        return triton_rules()

    def cells(self, finding: Finding) -> tuple[str, ...]:
        """Where, severity, rule, and all of the finding in one sentence."""
        return (f"{finding.file}:{finding.line}", finding.severity, finding.id, sentence(finding))

    def entry(self, finding: Finding) -> dict[str, Any]:
        """All that is known of a finding."""
        return {
            "rule": finding.id,
            "severity": finding.severity,
            "model": finding.subject,
            "path": finding.file,
            "line": finding.line,
            "key": finding.field,
            "value": finding.problem,
            "expected": finding.expected,
            "fix": finding.fix,
            "message": sentence(finding),
        }

    def details(self, report: Report[Models]) -> dict[str, Any]:
        """The models that were checked, and the numbers of findings."""
        return {"models": list(report.checked.names), "errors": report.errors, "warnings": report.warnings}

    def summary(self, report: Report[Models]) -> str:
        """Numbers of models and findings."""
        count = len(report.checked.names)
        models = f"{count} model{'s' if count != 1 else ''}"
        counts = f"{report.errors} errors, {report.warnings} warnings"
        return f"{models}: {counts}. docs/triton-lint.md says what the rules are for."


def sentence(finding: Finding) -> str:
    """Key, value, what was expected and what to do, in one line."""
    return f"{finding.field}: {finding.advice}" if finding.field else finding.advice
