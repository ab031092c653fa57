from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from control.manifests.finding import Finding
from control.manifests.lint import Report
from control.manifests.report import as_json, as_sarif, rows, summary
from control.manifests.rules import rules

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


@pytest.fixture
def report() -> Report:
    found = [
        Finding("a.yaml", 7, "Service/a", "spec.ports[0]", "SLW303", "no port", ("a.yaml",)),
        Finding("t.yaml", 0, "", "", "SLW106", "old", ("chart with x", "chart with y")),
    ]
    return Report(found, ["a.yaml", "chart"], ["no schemas"], ("1.30", "1.37"), 3, 0.5)


def test_a_table_names_place_and_fix(report: Report) -> None:
    first, second = rows(report)
    assert first == ("SLW303", "error", "a.yaml:7", "Service/a spec.ports[0]", f"no port. {rules()['SLW303'].fix}")
    assert second[1:3] == ("warning", "t.yaml (chart with x and 1 more)")
    assert summary(report) == "1 errors and 1 warnings: 3 objects of 2 sources in 0.5 s, Kubernetes 1.30 and 1.37."


def test_json_has_everything(report: Report) -> None:
    body = json.loads(json.dumps(as_json(report)))
    assert [item["rule"] for item in body["findings"]] == ["SLW303", "SLW106"]
    assert body["findings"][1]["line"] is None and body["findings"][1]["sources"] == [
        "chart with x",
        "chart with y",
    ]
    assert body["skipped"] == ["no schemas"] and body["kubernetes"] == ["1.30", "1.37"]


def test_sarif_is_as_the_standard_says(report: Report) -> None:
    body = json.loads(json.dumps(as_sarif(report)))
    Draft7Validator(SARIF).validate(body)
    (run,) = body["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(rules())
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}


def test_sarif_of_nothing() -> None:
    body = as_sarif(Report())
    Draft7Validator(SARIF).validate(body)
    assert body["runs"][0]["results"] == []


def test_the_exit_code_counts_warnings_only_when_asked(report: Report) -> None:
    assert report.failed(strict=False) and report.failed(strict=True)
    report.findings = report.findings[1:]
    assert not report.failed(strict=False) and report.failed(strict=True)
