"""A report as SARIF 2.1.0, which editors and code hosts show beside the lines."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from control.lint.finding import Finding
from control.lint.report import Linter, Report

__all__ = ["as_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(report: Report[Any]) -> dict[str, Any]:
    """One run with all rules of the linter, so that a viewer can show why and fix."""
    index = {id: i for i, id in enumerate(report.linter.rules())}
    notes = [{"level": "note", "message": {"text": text}} for text in report.skipped]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(report.linter)},
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [_result(finding, index[finding.id]) for finding in report.findings],
            }
        ],
    }


def _driver(linter: Linter[Any]) -> dict[str, Any]:
    return {
        "name": linter.name,
        "version": _version(),
        "rules": [
            {
                "id": rule.id,
                "name": rule.title,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": rule.fix or rule.why},
                "defaultConfiguration": {"level": rule.severity},
                "properties": {"tags": [linter.families[rule.family]]},
            }
            for rule in linter.rules().values()
        ],
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    physical = {
        "artifactLocation": {"uri": finding.file},
        # SARIF counts lines from 1; rendered objects have no lines of their own.
        "region": {"startLine": finding.line or 1},
    }
    name = f"{finding.subject} {finding.field}".strip()
    logical = {"fullyQualifiedName": name, "kind": "resource"} if finding.subject else None
    location = {"physicalLocation": physical, **({"logicalLocations": [logical]} if logical else {})}
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": finding.advice},
        "locations": [location],
    }


def _version() -> str:
    try:
        return version("slipway")
    except PackageNotFoundError:
        return "0"
