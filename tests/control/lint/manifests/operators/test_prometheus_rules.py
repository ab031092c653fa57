from __future__ import annotations

import pytest

from control.lint.manifests.operators.prometheus_rules import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

RULE = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: a}
spec: {groups: [{name: a, rules: [{%s}]}]}
"""
AT = "spec.groups[0].rules[0]"


def test_good_rules() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("record: 'a:b', expr: up", None),
        ("record: a, expr: 1", None),
        ("alert: A b, expr: up, for: 5m, keep_firing_for: 5m, annotations: {x: 'a }} {{ $value }}'}", None),
        ("record: a, alert: b, expr: up", ""),
        ("expr: up", ""),
        ("alert: a", ".expr"),
        ("alert: a, expr: ''", ".expr"),
        ("record: job-up, expr: up", ".record"),
        ("record: a, expr: up, for: 5m", ".for"),
        ("record: a, expr: up, annotations: {a: b}", ".annotations"),
        ("alert: a, expr: up, labels: {a-b: c}", ".labels"),
        ("alert: a, expr: up, labels: {__name__: c}", ".labels"),
        ("alert: a, expr: up, labels: {a: '{{ $value }'}", ".labels.a"),
        ("alert: a, expr: up, annotations: {a: 'b {{ $labels.x'}", ".annotations.a"),
    ],
)
def test_rules(rule: str, field: str | None) -> None:
    expected = [] if field is None else [("SLW606", AT + field)]
    assert found(check, bundle(RULE % rule)) == expected
