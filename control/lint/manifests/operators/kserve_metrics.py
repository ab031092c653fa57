"""The metrics of InferenceServices that an HPA or KEDA scales: what KServe's webhook refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import dig, entries, join, table

__all__ = ["hpa_metrics", "keda_metrics"]

_SOURCES = {"Resource": "resource", "External": "external", "PodMetric": "podmetric"}
"""Type of a metric of KEDA -> its field."""
_GIVEN = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
"""Type of a target -> the field that it needs."""
_PERCENT = "the target utilization percentage should be a [1-100] integer"
Refused = Iterator[tuple[str, str]]


def hpa_metrics(spec: dict[str, Any]) -> Refused:
    """Yield (field, message) of the metrics that an HPA cannot have."""
    for at, metric in _metrics(spec):
        kind = metric.get("type")
        if kind != "Resource":
            message = f"invalid HPA metric source type with value [{kind}],valid metric source types are Resource"
            yield f"{at}.type", message
        elif metric.get("resource") is None:
            yield at, "metricSpec.Resource is not set for resource metric source type"


def keda_metrics(spec: dict[str, Any]) -> Refused:
    """Yield (field, message) of the metrics that KServe does not hand to KEDA."""
    for at, metric in _metrics(spec):
        kind = str(metric.get("type"))
        field = _SOURCES.get(kind)
        if field is None:
            message = f"unknown KEDA metric type with value [{kind}].Valid types are Resource,External,PodMetric"
            yield f"{at}.type", message
        elif metric.get(field) is None:
            yield at, f"metricSpec.{kind} is not set for this metric source type"
        else:
            source = table(metric[field])
            found = _resource(source) if kind == "Resource" else _queried(source)
            yield from ((f"{at}.{field}.{place}", message) for place, message in found)
            yield from (
                (f"{at}.{field}.target.{place}", message)
                for place, message in _target(table(source.get("target")))
            )


def _metrics(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for i, metric in entries(dig(spec, "autoScaling.metrics")):
        yield join("autoScaling.metrics", i), metric


def _resource(source: dict[str, Any]) -> Refused:
    name, kind = source.get("name"), dig(source, "target.type")
    if name == "cpu" and kind != "Utilization":
        yield "target.type", "the cpu target value type should be Utilization"
    if name == "memory" and kind not in ("Utilization", "AverageValue"):
        yield "target.type", "the memory target value type should be AverageValue or Utilization"
    least = parse(dig(source, "target.averageValue"))
    if name == "memory" and kind == "AverageValue" and least is not None and least < 2**20:
        yield "target.averageValue", "the memory target value should be greater than 1 MiB"


def _queried(source: dict[str, Any]) -> Refused:
    if not dig(source, "metric.query"):
        yield "metric.query", "the query should not be empty"
    if dig(source, "target.value") is None:
        yield "target.value", "the target threshold value should not be empty"


def _target(target: dict[str, Any]) -> Refused:
    kind = str(target.get("type"))
    field = _GIVEN.get(kind)
    if field is None:
        return
    value = target.get(field)
    if value is None:
        yield field, f"the {field[0].upper()}{field[1:]} type should be set"
    elif field == "averageUtilization" and isinstance(value, int) and not 1 <= value <= 100:
        yield field, _PERCENT
