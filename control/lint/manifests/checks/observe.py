"""Queries of rules, dashboards and autoscalers, and the metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, every, join, strings
from control.lint.manifests.schemas.exported_metrics import TRITON, emitted, foreign
from control.lint.manifests.schemas.promql import read
from control.lint.manifests.schemas.promql_types import type_problem

__all__ = ["check"]

RUNBOOK = ("runbook_url", "runbook")
_VARIABLE = re.compile(r"\$\{?\w+(:\w+)?\}?|\[\[\w+\]\]")
_KEDA = ("spec.triggers[*]", "metadata.query", "type", ("prometheus", "predictkube"))
_ANALYSIS = ("spec.metrics[*]", "provider.prometheus.query", "", ())
_QUERIES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "ScaledObject": _KEDA,
    "ScaledJob": _KEDA,
    "AnalysisTemplate": _ANALYSIS,
    "ClusterAnalysisTemplate": _ANALYSIS,
    "InferenceService": (
        "spec.predictor.autoScaling.metrics[*]",
        "external.metric.query",
        "external.metric.backend",
        ("prometheus",),
    ),
}
"""Kind -> its metrics, the query of each, what names its source, and the sources whose queries are PromQL."""
_ADAPTED = (
    "spec.metrics[*].pods.metric.name",
    "spec.metrics[*].object.metric.name",
    "spec.metrics[*].external.metric.name",
)


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield metrics that do not exist, labels that a metric does not have, and alerts without a runbook."""
    recorded = {
        str(rule["record"])
        for resource in bundle.of("PrometheusRule")
        for _, rule in every(resource.body, "spec.groups[*].rules[*]")
        if isinstance(rule, dict) and rule.get("record")
    }
    for resource in bundle.of("PrometheusRule"):
        yield from _rules(resource)
    for resource, path, query in _queries(bundle):
        yield from _query(resource, path, query, recorded)
    for scaler in bundle.of("HorizontalPodAutoscaler"):
        for pattern in _ADAPTED:
            for path, name in every(scaler.body, pattern):
                known = str(name) in emitted() or str(name) in recorded or bundle.declared("metric", str(name))
                if str(name).startswith("slipway_") and not known:
                    yield scaler.finding("SLW601", path, f"{name} is neither emitted nor recorded")


def _rules(resource: Resource) -> Iterator[Finding]:
    for i, group in entries(resource.get("spec.groups")):
        seen: set[str] = set()
        for j, rule in entries(group.get("rules")):
            at = join(join("spec.groups", i) + ".rules", j)
            name = str(rule.get("alert") or rule.get("record"))
            key = json.dumps([name, strings(rule.get("labels"))], sort_keys=True)
            if key in seen:
                yield resource.finding("SLW603", at, f"{name} occurs twice in the group {group.get('name')}")
            seen.add(key)
            notes = strings(rule.get("annotations"))
            if rule.get("alert") and not any(notes.get(key, "").strip() for key in RUNBOOK):
                yield resource.finding("SLW602", f"{at}.annotations", f"the alert {name} has no runbook_url")


def _queries(bundle: Bundle) -> Iterator[tuple[Resource, str, str]]:
    for resource in bundle.of("PrometheusRule"):
        for path, text in every(resource.body, "spec.groups[*].rules[*].expr"):
            yield resource, path, str(text)
    for kind, (metrics, query, source, known) in _QUERIES.items():
        for resource in bundle.of(kind):
            for path, metric in every(resource.body, metrics):
                text = dig(metric, query)
                if text is not None and (not source or dig(metric, source) in known):
                    yield resource, join(path, query), str(text)
    for resource in bundle.of("ConfigMap"):
        for key, text in strings(resource.get("data")).items():
            if key.endswith(".json"):
                yield from ((resource, f"data.{key}", query) for query in _panels(text))


def _panels(text: str) -> Iterator[str]:
    """Yield the queries of a Grafana dashboard; nothing for other JSON."""
    try:
        board = json.loads(text)
    except ValueError:
        return
    if isinstance(dig(board, "panels"), list):
        yield from _targets(board["panels"])


def _targets(panels: list[Any]) -> Iterator[str]:
    for _, panel in entries(panels):
        for _, target in entries(panel.get("targets")):
            if isinstance(target.get("expr"), str):
                yield target["expr"]
        yield from _targets(panel["panels"] if isinstance(panel.get("panels"), list) else [])


def _query(resource: Resource, path: str, query: str, recorded: set[str]) -> Iterator[Finding]:
    # Grafana replaces its variables by numbers, durations or text; a neutral text keeps the query readable.
    used = read(_VARIABLE.sub("1", query))
    if used.problem:
        yield resource.finding("SLW604", path, used.problem)
    elif _VARIABLE.sub("", query) == query and "{{" not in query:
        problem = type_problem(query)
        # Other databases than Prometheus, which autoscalers and dashboards may ask, take more than Prometheus.
        if problem:
            yield resource.finding("SLW604", path, problem, "" if resource.kind == "PrometheusRule" else "warning")
    known = emitted()
    for name, labels in used.metrics.items():
        if name in known:
            for label in sorted(labels - known[name]):
                yield resource.finding("SLW605", path, f"{name} has no label {label}")
        elif name not in recorded and name not in TRITON and not foreign(name):
            # Only the data plane's metrics are known well enough for an error.
            own = "slipway_" in name or name.startswith("nv_")
            message = f"{name} is neither emitted nor recorded"
            yield resource.finding("SLW601", path, message, "" if own else "warning")
    ours = [known[name] for name in used.metrics if name in known]
    # The labels to group by are known only if all metrics of the query are known.
    if ours and len(ours) == len(used.metrics):
        for label in sorted(used.grouped - frozenset().union(*ours)):
            yield resource.finding("SLW605", path, f"the query groups by {label}, which no metric in it has")
