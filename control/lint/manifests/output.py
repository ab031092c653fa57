"""What `slipway manifests lint` prints: the columns of its table, the names of its JSON, its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.lint.finding import Finding
from control.lint.report import Linter, Report
from control.lint.rules import MANIFEST_FAMILIES, Rule, manifest_rules

__all__ = ["ManifestLinter", "Manifests"]


@dataclass
class Manifests:
    """What was checked. `kubernetes` lists the versions whose schemas were used."""

    targets: list[str] = field(default_factory=list)
    objects: int = 0
    kubernetes: tuple[str, ...] = ()
    seconds: float = 0.0


class ManifestLinter(Linter[Manifests]):
    """The output of `slipway manifests lint`."""

    name = "slipway manifests lint"
    columns = ("rule", "severity", "where", "what", "message")
    families = MANIFEST_FAMILIES

    def rules(self) -> Mapping[str, Rule]:
        """The SLW rules."""
        return manifest_rules()

    def cells(self, finding: Finding) -> tuple[str, ...]:
        """Rule, severity, where, object and field, message with the fix."""
        what = f"{finding.subject} {finding.field}".strip()
        return (finding.id, finding.severity, _where(finding), what, finding.advice)

    def entry(self, finding: Finding) -> dict[str, Any]:
        """All that is known of a finding."""
        return {
            "rule": finding.id,
            "severity": finding.severity,
            "file": finding.file,
            "line": finding.line or None,
            "resource": finding.subject,
            "field": finding.field,
            "message": finding.message,
            "why": finding.rule.why,
            "fix": finding.fix,
            "sources": [source for source in finding.sources if source],
        }

    def details(self, report: Report[Manifests]) -> dict[str, Any]:
        """What was checked and what was not."""
        return {
            "targets": report.checked.targets,
            "objects": report.checked.objects,
            "kubernetes": list(report.checked.kubernetes),
            "skipped": report.skipped,
            "seconds": round(report.checked.seconds, 2),
        }

    def summary(self, report: Report[Manifests]) -> str:
        """Numbers of findings, objects and sources."""
        checked = report.checked
        counts = f"{report.errors} errors and {report.warnings} warnings"
        extent = f"{checked.objects} objects of {len(checked.targets)} sources in {checked.seconds:.1f} s"
        return f"{counts}: {extent}, Kubernetes {' and '.join(checked.kubernetes)}."


def _where(finding: Finding) -> str:
    """`file:line`, and the first source where that is not the file itself."""
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    first = finding.sources[0] if finding.sources else ""
    if not first or first == finding.file:
        return where
    more = len(finding.sources) - 1
    return f"{where} ({first}{f' and {more} more' if more else ''})"
