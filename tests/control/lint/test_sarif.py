from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from control.lint.manifests.output import ManifestLinter, Manifests
from control.lint.report import Report
from control.lint.sarif import as_sarif
from tests.control.lint import reports

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {"properties": {"level": LEVEL}},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "required": ["executionSuccessful"],
                            "properties": {"toolExecutionNotifications": {"items": {"required": ["message"]}}},
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "level", "locations"],
                            "properties": {
                                "message": TEXT,
                                "level": LEVEL,
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1}
                                                        }
                                                    }
                                                },
                                            }
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What the standard asks of the parts that are used."""


@pytest.mark.parametrize(("report", "line"), [(reports.manifests(), 7), (reports.triton(), 4)])
def test_sarif_is_as_the_standard_says(report: Report[Any], line: int) -> None:
    body = json.loads(json.dumps(as_sarif(report)))
    Draft7Validator(SARIF).validate(body)
    (run,) = body["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == report.linter.name
    assert [rule["id"] for rule in driver["rules"]] == list(report.linter.rules())
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    first, second = (result["locations"][0]["physicalLocation"]["region"] for result in run["results"])
    assert (first, second) == ({"startLine": line}, {"startLine": 1})


def test_a_result_names_object_field_and_fix() -> None:
    report = reports.manifests()
    first, second = as_sarif(report)["runs"][0]["results"]
    (logical,) = first["locations"][0]["logicalLocations"]
    assert logical == {"fullyQualifiedName": "Service/a spec.ports[0]", "kind": "resource"}
    assert first["message"]["text"] == f"no port. {report.findings[0].rule.fix}"
    assert "logicalLocations" not in second["locations"][0]


def test_what_was_skipped_is_a_notification() -> None:
    (invocation,) = as_sarif(reports.manifests())["runs"][0]["invocations"]
    assert invocation["toolExecutionNotifications"] == [{"level": "note", "message": {"text": "no schemas"}}]


def test_sarif_of_nothing() -> None:
    body = as_sarif(Report(ManifestLinter(), Manifests()))
    Draft7Validator(SARIF).validate(body)
    assert body["runs"][0]["results"] == []
