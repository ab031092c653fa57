from __future__ import annotations

import json

import pytest

from benchmarks.manifests.edit import both, put
from control.lint.manifests.checks.observe import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

FIRST = "spec groups 0 rules 1 expr"


def test_good_rules() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    "query",
    [
        'up{job="slipway"} == 0',
        "sum by (pod) (rate(container_cpu_usage_seconds_total[5m])) > 1",
        "histogram_quantile(0.9, sum by (le, app) (rate(slipway_batch_rows_bucket[5m]))) > 1",
        "slipway_queue_rows * on (pod) group_left (node) kube_pod_info > 1",
        "rate(nv_inference_request_failure[5m]) > 0",
    ],
)
def test_what_can_be_asked(query: str) -> None:
    assert found(check, good_bundle("PrometheusRule/gateway", put(FIRST, query))) == []


def test_le_is_a_label_of_buckets_only() -> None:
    at = "spec.groups[0].rules[1].expr"
    changed = good_bundle("PrometheusRule/gateway", put(FIRST, 'slipway_requests_total{le="1"} > 1'))
    assert found(check, changed) == [("SLW605", at)]


def test_dashboards_are_read_to_their_rows() -> None:
    board = {"panels": [{"panels": [{"targets": [{"expr": "nothing_known"}, {"expr": "up"}, {"query": "x"}]}]}]}
    changed = good_bundle("ConfigMap/dashboard", put("data gateway.json", json.dumps(board)))
    assert found(check, changed) == [("SLW601", "data.gateway.json")]


def test_other_json_is_left_alone() -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a.json: '[1]', b.json: '{', c: x}}"
    assert found(check, bundle(text)) == []


def test_an_adapters_metric_is_declared() -> None:
    change = both(
        put("spec metrics 1 pods metric name", "slipway_queue_length"),
        put("metadata annotations", {"slipway.dev/external": "metric/slipway_queue_length"}),
    )
    assert found(check, good_bundle("HorizontalPodAutoscaler/gateway", change)) == []


def test_types_that_only_prometheus_refuses_are_warnings_elsewhere() -> None:
    at = "spec.groups[0].rules[1].expr"
    rules = good_bundle("PrometheusRule/gateway", put(FIRST, "rate(slipway_requests_total) > 1"))
    scaler = good_bundle(
        "ScaledObject/front", put("spec triggers 0 metadata query", "rate(slipway_requests_total)")
    )
    assert [(f.field, f.severity) for f in check(rules) if f.id == "SLW604"] == [(at, "error")]
    assert [f.severity for f in check(scaler) if f.id == "SLW604"] == ["warning"]


@pytest.mark.parametrize("source", ["datadog", "influxdb", "postgresql", None])
def test_queries_of_other_sources_are_no_promql(source: str | None) -> None:
    trigger = {"type": source, "metadata": {"query": "SELECT count(*) FROM jobs;"}}
    assert found(check, good_bundle("ScaledObject/front", put("spec triggers 0", trigger))) == []
    promql = put("spec triggers 0", {**trigger, "type": "prometheus"})
    assert [id for id, _ in found(check, good_bundle("ScaledObject/front", promql))] == ["SLW604"]


@pytest.mark.parametrize("query", ["rate($metric) > 1", "rate({{args.metric}}) > 1"])
def test_the_types_of_variables_are_not_known(query: str) -> None:
    changed = good_bundle("ScaledObject/front", put("spec triggers 0 metadata query", query))
    assert [id for id, _ in found(check, changed) if id == "SLW604"] == []


def test_metrics_of_other_programs_are_warnings() -> None:
    changed = good_bundle("PrometheusRule/gateway", put(FIRST, "sum(rate(web_orders_total[5m])) > 1"))
    assert [(f.id, f.severity) for f in check(changed)] == [("SLW601", "warning")]
