"""A report as a table, as JSON and as SARIF 2.1.0."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from control.manifests.finding import Finding
from control.manifests.lint import Report
from control.manifests.rules import FAMILIES, rules

__all__ = ["as_json", "as_sarif", "rows", "summary"]

SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def rows(report: Report) -> list[tuple[str, ...]]:
    """Cells: rule, severity, where, object and field, message with the fix."""
    return [
        (finding.id, finding.severity, _where(finding), _what(finding), f"{finding.message}. {finding.rule.fix}")
        for finding in report.findings
    ]


def summary(report: Report) -> str:
    """One sentence."""
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    checked = f"{report.objects} objects of {len(report.targets)} sources in {report.seconds:.1f} s"
    return f"{errors} errors and {warnings} warnings: {checked}, Kubernetes {' and '.join(report.kubernetes)}."


def as_json(report: Report) -> dict[str, Any]:
    """Everything that is known."""
    findings = [
        {
            "rule": finding.id,
            "severity": finding.severity,
            "file": finding.file,
            "line": finding.line or None,
            "resource": finding.resource,
            "field": finding.field,
            "message": finding.message,
            "why": finding.rule.why,
            "fix": finding.rule.fix,
            "sources": [source for source in finding.sources if source],
        }
        for finding in report.findings
    ]
    return {
        "findings": findings,
        "targets": report.targets,
        "objects": report.objects,
        "kubernetes": list(report.kubernetes),
        "skipped": report.skipped,
        "seconds": round(report.seconds, 2),
    }


def as_sarif(report: Report) -> dict[str, Any]:
    """One run with all rules, so that a viewer can show why and fix."""
    listed = list(rules().values())
    driver = {
        "name": "slipway manifests lint",
        "version": _version(),
        "rules": [
            {
                "id": rule.id,
                "name": rule.title,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": rule.fix},
                "defaultConfiguration": {"level": rule.severity},
                "properties": {"tags": [FAMILIES[rule.family]]},
            }
            for rule in listed
        ],
    }
    index = {rule.id: i for i, rule in enumerate(listed)}
    notes = [{"level": "note", "message": {"text": text}} for text in report.skipped]
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [_result(finding, index[finding.id]) for finding in report.findings],
            }
        ],
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    physical = {
        "artifactLocation": {"uri": finding.file},
        # Objects that were rendered have no lines of their own.
        "region": {"startLine": finding.line or 1},
    }
    logical = {"fullyQualifiedName": _what(finding), "kind": "resource"} if finding.resource else None
    location = {"physicalLocation": physical, **({"logicalLocations": [logical]} if logical else {})}
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": f"{finding.message}. {finding.rule.fix}"},
        "locations": [location],
    }


def _where(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    more = len(finding.sources) - 1
    first = finding.sources[0] if finding.sources else ""
    other = f" ({first}{f' and {more} more' if more > 0 else ''})" if first and first != finding.file else ""
    return place + other


def _what(finding: Finding) -> str:
    return f"{finding.resource} {finding.field}".strip()


def _version() -> str:
    try:
        return version("slipway")
    except PackageNotFoundError:
        return "0"
