"""Alerts use what is emitted, follow the apps' objectives and have a runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from serving.kernel.app_values import load_values
from serving.kernel.find_app import find_apps
from tests.charts.chart import of_kind

VALUES = {"metrics": {"rules": True, "serviceMonitor": True}, "triton": {"enabled": True}}


@pytest.fixture(scope="module")
def groups() -> dict[str, list[dict[str, Any]]]:
    rules = of_kind(VALUES, "PrometheusRule").values()
    return {group["name"]: group["rules"] for rule in rules for group in rule["spec"]["groups"]}


def test_every_metric_is_documented(groups: dict[str, list[dict[str, Any]]], root: Path) -> None:
    text = (root / "docs" / "metrics.md").read_text()
    for rules in groups.values():
        for rule in rules:
            names = set(re.findall(r"\b(?:slipway|nv)_[a-z_]+", rule["expr"]))
            assert names
            for name in names:
                assert f"`{name.removesuffix('_bucket')}`" in text, name


def test_every_alert_has_a_runbook(groups: dict[str, list[dict[str, Any]]], root: Path) -> None:
    headings = re.findall(r"^## (\w+)$", (root / "docs" / "runbooks.md").read_text(), re.M)
    alerts = {rule["alert"]: rule for rules in groups.values() for rule in rules if "alert" in rule}
    assert set(alerts) == set(headings)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"


def test_objectives_are_the_apps_own(groups: dict[str, list[dict[str, Any]]]) -> None:
    for app in find_apps():
        slo = load_values(app.folder).slo
        rules = {rule["alert"]: rule["expr"] for rule in groups[f"slipway-{app.name}"] if "alert" in rule}
        of = f'namespace="slipway",app="{app.name}",slipway_dev_release="slipway"'
        assert all(of in expression for expression in rules.values())
        assert float(rules["SlipwayLatencyHigh"].rpartition("> ")[2]) == pytest.approx(slo.p99_ms / 1000)
        burns = [
            rule["expr"] for rule in groups[f"slipway-{app.name}"] if rule["alert"] == "SlipwayErrorBudgetBurn"
        ]
        limits = [float(expression.rpartition("> ")[2]) for expression in burns]
        assert limits == pytest.approx([14.4 * (1 - slo.availability), 6 * (1 - slo.availability)])


def test_monitors_find_the_services() -> None:
    services = of_kind(VALUES, "Service").values()
    for monitor in of_kind(VALUES, "ServiceMonitor").values():
        selector = monitor["spec"]["selector"]["matchLabels"].items()
        found = [one for one in services if selector <= one["metadata"]["labels"].items()]
        assert found
        (endpoint,) = monitor["spec"]["endpoints"]
        labels = set(monitor["spec"].get("targetLabels", []))
        assert all(labels <= one["metadata"]["labels"].keys() for one in found)
        if monitor["metadata"]["name"].endswith("-gateway"):
            assert "slipway.dev/release" in labels, "alerts tell releases apart by it"
        assert all(endpoint["port"] in {port["name"] for port in one["spec"]["ports"]} for one in found)
