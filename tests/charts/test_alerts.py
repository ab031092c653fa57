"""Alerts fire when they should, and only then: Prometheus evaluates the rendered rules on made series."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.chart import of_kind

GROUPS = {"groupPerApp": False, "groups": {"one": {"apps": ["price"]}}}
VALUES = {**GROUPS, "metrics": {"rules": True}, "triton": {"enabled": True}}
OWN = 'namespace="slipway",app="price",slipway_dev_release="slipway"'
ANOTHER = 'namespace="slipway",app="price",slipway_dev_release="second"'
WELL = f'slipway_requests_total{{{OWN},status="200"}}'
BAD = f'slipway_requests_total{{{OWN},status="503"}}'
BAD_THERE = f'slipway_requests_total{{{ANOTHER},status="503"}}'
CHAMPION = f"slipway_champion_version{{{OWN}}}"
CHAMPION_THERE = f"slipway_champion_version{{{ANOTHER}}}"
REFUSED = f'slipway_rejections_total{{{OWN},version="1",reason="overload"}}'
QUEUE = "slipway:triton_queue_microseconds:mean2m"
TRITON = '{namespace="slipway",service="slipway-triton"}'


def groups() -> list[dict[str, Any]]:
    return [group for rule in of_kind(VALUES, "PrometheusRule").values() for group in rule["spec"]["groups"]]


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not installed; Debian's package prometheus has it")
    return found


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": groups()}))
    return path


def run(promtool: str, *words: str) -> None:
    done = subprocess.run([promtool, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_rules(promtool: str, rules: Path) -> None:
    run(promtool, "check", "rules", str(rules))


@pytest.mark.parametrize(
    ("series", "alert", "severities"),
    [
        ({WELL: "0+98x120", BAD: "0+2x120", CHAMPION: "1x120"}, "SlipwayErrorBudgetBurn", {"critical", "warning"}),
        ({WELL: "0+990x120", BAD: "0+10x120", CHAMPION: "1x120"}, "SlipwayErrorBudgetBurn", {"warning"}),
        ({WELL: "0+9999x120", BAD: "0+1x120", CHAMPION: "1x120"}, "SlipwayErrorBudgetBurn", set()),
        ({CHAMPION: "1x120"}, "SlipwayErrorBudgetBurn", set()),
        ({CHAMPION: "1x120", REFUSED: "0+1x120"}, "SlipwayOverload", {"warning"}),
        ({CHAMPION: "1x120", REFUSED: "5x120"}, "SlipwayOverload", set()),
        ({CHAMPION: "1x120"}, "SlipwayAppAbsent", set()),
        ({WELL: "1x120"}, "SlipwayAppAbsent", {"critical"}),
        # Another release in the namespace.
        ({CHAMPION_THERE: "1x120"}, "SlipwayAppAbsent", {"critical"}),
        ({WELL: "0+99x120", BAD_THERE: "0+99x120", CHAMPION: "1x120"}, "SlipwayErrorBudgetBurn", set()),
    ],
)
def test_alerts_follow_the_series(
    promtool: str, rules: Path, series: dict[str, str], alert: str, severities: set[str]
) -> None:
    known = [one for group in groups() for one in group["rules"] if one.get("alert") == alert]
    extra = {"namespace": "slipway", "slipway_dev_release": "slipway"} if alert == "SlipwayAppAbsent" else {}
    expected = [
        {"exp_labels": {**one["labels"], **extra}, "exp_annotations": one["annotations"]}
        for one in known
        if one["labels"]["severity"] in severities
    ]
    asked = {"eval_time": "110m", "alertname": alert, "exp_alerts": expected}
    check(promtool, rules, series, {"alert_rule_test": [asked]})


@pytest.mark.parametrize(
    ("waited", "answered", "expected"), [("0+60000x30", "0+10x30", 6000), ("9x30", "9x30", 0), ("", "", 0)]
)
def test_the_queue_of_triton_is_a_number_also_without_traffic(
    promtool: str, rules: Path, waited: str, answered: str, expected: float
) -> None:
    found = {f"nv_inference_queue_duration_us{TRITON}": waited, f"nv_inference_request_success{TRITON}": answered}
    sample = {"labels": f"{QUEUE}{TRITON}", "value": expected}
    asked = {"expr": QUEUE, "eval_time": "20m", "exp_samples": [sample]}
    series = {name: values for name, values in found.items() if values}
    check(promtool, rules, series, {"promql_expr_test": [asked]})


def check(promtool: str, rules: Path, series: dict[str, str], asked: dict[str, Any]) -> None:
    given = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": given, **asked}
    path = rules.with_name("test.yaml")
    path.write_text(yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]}))
    run(promtool, "test", "rules", str(path))
