from __future__ import annotations

import pytest

from benchmarks.manifests.edit import Change, both, drop, put
from control.lint.manifests.checks.kserve import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

TRITON, ELASTIC = "InferenceService/triton", "InferenceService/elastic"
MODE = "metadata annotations serving.kserve.io/deploymentMode"
CLASS = "metadata annotations serving.kserve.io/autoscalerClass"
METRIC = "spec predictor scaleMetric"


def test_good_services() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    ("target", "change"),
    [
        (TRITON, put(MODE, "RawDeployment")),
        (ELASTIC, put(MODE, "Serverless")),
        (TRITON, both(put(CLASS, "keda"), drop(METRIC), put("spec predictor minReplicas", 0))),
        (TRITON, both(put(METRIC, "memory"), put("spec predictor scaleTarget", 2048))),
        (TRITON, both(put(CLASS, "none"), drop(METRIC), drop("spec predictor scaleTarget"))),
        (TRITON, put("spec predictor model runtime", "kserve-tritonserver")),
        (TRITON, put("spec predictor deploymentStrategy", {"type": "Recreate"})),
        (
            ELASTIC,
            both(
                put(METRIC, "cpu"),
                put("metadata annotations autoscaling.knative.dev/class", "hpa.autoscaling.knative.dev"),
            ),
        ),
        (
            TRITON,
            both(
                put(METRIC, "cpu"),
                put("metadata annotations slipway.dev/external", "servingruntime/slipway-triton"),
            ),
        ),
    ],
)
def test_what_kserve_takes(target: str, change: Change) -> None:
    assert found(check, good_bundle(target, change)) == []


def test_what_standard_mode_ignores_is_read_in_knative_mode() -> None:
    fields = {field for id, field in found(check, good_bundle(ELASTIC, put(MODE, "Standard"))) if id == "SLW805"}
    assert fields == {
        "spec.predictor.canaryTrafficPercent",
        "spec.predictor.containerConcurrency",
        "spec.predictor.minReplicas",
    }


def test_a_custom_predictor_needs_no_model() -> None:
    container = {"name": "kserve-container", "image": "example.org/a:1"}
    change = both(drop("spec predictor model"), put("spec predictor containers", [container]))
    assert found(check, good_bundle(TRITON, change)) == []


EXPLAINED = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {%s, annotations: {serving.kserve.io/deploymentMode: Standard}}
spec: {predictor: {model: {modelFormat: {name: a}, resources: {limits: {cpu: 1}}}}, %s}
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("explainer: {art: {type: SquareAttack}}", []),
        ("explainer: {containers: [{name: a, image: b}]}", []),
        ("explainer: {minReplicas: 1}", ["SLW807"]),
        ("explainer: {art: {type: SquareAttack}, containers: [{name: a, image: b}]}", ["SLW807"]),
        ("transformer: {containers: [{name: a, image: b}]}", []),
        ("transformer: {minReplicas: 1}", ["SLW807"]),
    ],
)
def test_implementations_of_other_components(more: str, expected: list[str]) -> None:
    assert [id for id, _ in found(check, bundle(EXPLAINED % ("name: a", more)))] == expected


@pytest.mark.parametrize(("given", "expected"), [("generateName: a-", []), ("generateName: 1-", ["SLW802"])])
def test_generated_names(given: str, expected: list[str]) -> None:
    assert [id for id, _ in found(check, bundle(EXPLAINED % (given, "transformer: null")))] == expected


def test_annotations_of_the_autoscaler() -> None:
    kserve = "metadata annotations serving.kserve.io/"
    percent, metric = f"{kserve}targetUtilizationPercentage", f"{kserve}metrics"
    assert (
        found(check, good_bundle(TRITON, both(put(percent, "80"), put(metric, "memory"), put(CLASS, "hpa")))) == []
    )
    for given in ("0", "101", "80%", "-1"):
        at = "metadata.annotations.serving.kserve.io/targetUtilizationPercentage"
        assert found(check, good_bundle(TRITON, put(percent, given))) == [("SLW804", at)]
    at = "metadata.annotations.serving.kserve.io/metrics"
    assert found(check, good_bundle(TRITON, both(put(metric, "gpu"), put(CLASS, "hpa")))) == [("SLW804", at)]


def test_a_runtime_may_exist_elsewhere() -> None:
    changed = good_bundle(TRITON, put("spec predictor model runtime", "own"))
    assert [(f.id, f.severity) for f in check(changed)] == [("SLW806", "warning")]


def test_metrics_depend_on_the_mode_only_where_it_is_stated() -> None:
    text = (EXPLAINED % ("name: a", "transformer: null")).replace("predictor: {", "predictor: {scaleMetric: cpu, ")
    assert found(check, bundle(text)) == []
    unstated = text.replace("serving.kserve.io/deploymentMode: Standard", "")
    assert [id for id, _ in found(check, bundle(unstated))] == ["SLW808"]
    knative = text.replace("Standard", "Knative")
    assert [id for id, _ in found(check, bundle(knative))] == ["SLW804"]
