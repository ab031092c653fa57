from __future__ import annotations

import pytest
import yaml

from control.lint.manifests.operators.kserve_metrics import hpa_metrics, keda_metrics

AT = "autoScaling.metrics[0]"
CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: %s}}}"
MEMORY = "{type: Resource, resource: {name: memory, target: {%s}}}"
EXTERNAL = "{type: External, external: {metric: {query: '%s'}, target: {%s}}}"


def _spec(metric: str) -> dict[str, object]:
    return {"autoScaling": {"metrics": [yaml.safe_load(metric)]}}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (CPU % 80, []),
        ("{type: Resource}", [AT]),
        ("{type: External, external: {}}", [f"{AT}.type"]),
    ],
)
def test_of_an_hpa(metric: str, expected: list[str]) -> None:
    assert [at for at, _ in hpa_metrics(_spec(metric))] == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (CPU % 80, []),
        (CPU % 101, ["resource.target.averageUtilization"]),
        (
            CPU.replace("Utilization,", "AverageValue,") % 80,
            ["resource.target.type", "resource.target.averageValue"],
        ),
        (MEMORY % "type: AverageValue, averageValue: 2Gi", []),
        (MEMORY % "type: AverageValue, averageValue: 1000", ["resource.target.averageValue"]),
        (MEMORY % "type: Value, value: 2Gi", ["resource.target.type"]),
        (EXTERNAL % ("sum(a)", "type: Value, value: 5"), []),
        (EXTERNAL % ("", "type: Value, value: 5"), ["external.metric.query"]),
        (EXTERNAL % ("sum(a)", "type: AverageValue, averageValue: 5"), ["external.target.value"]),
        ("{type: PodMetric}", [""]),
        ("{type: Pods, pods: {}}", ["type"]),
        ("{}", ["type"]),
    ],
)
def test_of_keda(metric: str, expected: list[str]) -> None:
    found = [at.removeprefix(AT).removeprefix(".") for at, _ in keda_metrics(_spec(metric))]
    assert found == expected
