from __future__ import annotations

import pytest

from control.lint.manifests.operators.kserve_webhooks import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: a
  annotations: {serving.kserve.io/deploymentMode: Standard, serving.kserve.io/autoscalerClass: %s}
spec:
  predictor: {%s}
"""
MODEL = "model: {modelFormat: {name: onnx}, %s}"
WORKERS = MODEL % "storageUri: pvc://a" + ", workerSpec: {%s}"
STORED = """
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {name: own}
spec: {supportedUriFormats: [{prefix: "models://"}, {regex: "^x[a-z]+://"}]}
"""


def _fields(scaler: str, predictor: str, more: str = "") -> list[str]:
    """Return the fields with a finding, without the path of the predictor."""
    told = found(check, bundle(SERVICE % (scaler, predictor) + more))
    return [field.removeprefix("spec.predictor.") for _, field in told]


def test_good_services() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    "uri",
    [
        "gs://a/b",
        "oci+native://a/b:1",
        "hf://a/b",
        "oci://a/b:1",
        "https://a.blob.core.windows.net/b/c",
        "/mnt/models",
        "models/a",
    ],
)
def test_schemes_that_kserve_downloads(uri: str) -> None:
    assert _fields("hpa", MODEL % f"storageUri: '{uri}'") == []


@pytest.mark.parametrize("uri", ["ftp://a", "https://blob.core.windows.net/b", "models://a", "xyz://a"])
def test_schemes_that_only_a_storage_container_downloads(uri: str) -> None:
    assert _fields("hpa", MODEL % f"storageUri: '{uri}'") == ["model.storageUri"]
    expected = [] if uri.startswith(("models:", "xyz:")) else ["model.storageUri"]
    assert _fields("hpa", MODEL % f"storageUri: '{uri}'", STORED) == expected


@pytest.mark.parametrize(
    ("scaler", "predictor", "expected"),
    [
        ("hpa", MODEL % "storage: {parameters: {type: s3}}", []),
        ("hpa", MODEL % "storage: {parameters: {type: gs}}", ["model.storage.parameters.type"]),
        ("hpa", MODEL % "storageUri: 'gs://a', storage: {key: a}", ["model.storageUri"]),
        (
            "hpa",
            "minReplicas: -1, maxReplicas: -1, containerConcurrency: -1",
            ["minReplicas", "maxReplicas", "containerConcurrency"],
        ),
        ("hpa", MODEL % "storageUri: 'gs://a'" + ", storageUris: [{uri: 'gs://b'}]", ["storageUris"]),
        ("hpa", "storageUris: [{uri: '', mountPath: /mnt/a}]", ["storageUris[0].uri"]),
        ("hpa", "storageUris: [{uri: 'gs://a', mountPath: a}]", ["storageUris[0].mountPath"]),
        ("hpa", "storageUris: [{uri: 'gs://a', mountPath: /}]", ["storageUris[0].mountPath"]),
        ("hpa", "storageUris: [{uri: 'gs://a', mountPath: /a/../b}]", ["storageUris[0].mountPath"]),
        (
            "hpa",
            "storageUris: [{uri: 'gs://a', mountPath: /a/x}, {uri: 'gs://b', mountPath: /b}]",
            ["storageUris"],
        ),
        ("hpa", "storageUris: [{uri: 'gs://a', mountPath: /a/x}, {uri: 'gs://b', mountPath: /a/y}]", []),
        ("none", WORKERS % "pipelineParallelSize: 2, containers: [{name: worker-container}]", []),
        (
            "none",
            WORKERS % "pipelineParallelSize: 0, tensorParallelSize: 0",
            ["workerSpec.pipelineParallelSize", "workerSpec.tensorParallelSize"],
        ),
        ("none", WORKERS % "containers: [{name: a}, {name: b}]", ["workerSpec.containers"]),
        ("hpa", WORKERS % "", ["workerSpec"]),
        ("none", MODEL % "storageUri: 's3://a'" + ", workerSpec: {}", ["model.storageUri"]),
        (
            "none",
            MODEL % "env: [{name: TENSOR_PARALLEL_SIZE, value: '2'}]" + ", workerSpec: {}",
            ["model.env", "model.storageUri"],
        ),
        (
            "hpa",
            "containers: [{name: transformer-container, env: [{name: STORAGE_URI, value: a}]}]",
            ["containers[0].env"],
        ),
        ("hpa", "containers: [{name: kserve-container, env: [{name: STORAGE_URI, value: a}]}]", []),
    ],
)
def test_components(scaler: str, predictor: str, expected: list[str]) -> None:
    assert _fields(scaler, predictor) == expected


def test_a_target_of_no_requests() -> None:
    text = SERVICE.replace("Standard", "Knative") % ("none", "scaleMetric: rps, scaleTarget: 0")
    assert [field for _, field in found(check, bundle(text))] == ["spec.predictor.scaleTarget"]


@pytest.mark.parametrize(
    ("predictor", "field"),
    [
        ("logger: {mode: all, url: http://a}", ""),
        ("logger: {url: http://a}", "logger.mode"),
        ("logger: {mode: all, storage: {path: a, parameters: {type: s3}}}", "logger.storage"),
        ("initContainers: [{name: i, env: [{name: PYTHONPATH, value: /a}]}]", "initContainers[0].env"),
    ],
)
def test_loggers_and_variables(predictor: str, field: str) -> None:
    assert _fields("hpa", f"{MODEL % 'storageUri: gs://a'}, {predictor}") == ([field] if field else [])


def test_variables_of_runtimes_and_of_models() -> None:
    assert _fields("hpa", MODEL % "env: [{name: PYTHONPATH, value: /a}]") == ["model.env"]
    runtime = "{kind: ServingRuntime, metadata: {name: a}, spec: {containers: [{name: c, env: [{name: %s}]}]}}"
    assert found(check, bundle(runtime % "PYTHONPATH")) == [("SLW809", "spec.containers[0].env")]
    assert found(check, bundle(runtime % "HOME")) == []


CANARIES = """
kind: InferenceService
metadata: {name: a}
spec:
  predictor: {name: main, minReplicas: 2, model: {modelFormat: {name: onnx}}}
  canary: [%s]
"""


@pytest.mark.parametrize(
    ("canaries", "fields"),
    [
        ("{trafficPercent: 10, predictor: {name: new, minReplicas: 2}}", []),
        ("{trafficPercent: 10, predictor: {}}", ["predictor.name"]),
        ("{predictor: {name: main}}", ["predictor.name"]),
        ("{trafficPercent: 101, predictor: {name: new}}", ["trafficPercent"]),
        (
            "{predictor: {name: new, maxReplicas: 3, scaleTarget: 9}}",
            ["predictor.maxReplicas", "predictor.scaleTarget"],
        ),
        ("{predictor: {name: new, minReplicas: 3}}", ["predictor.minReplicas"]),
    ],
)
def test_canaries(canaries: str, fields: list[str]) -> None:
    told = found(check, bundle(CANARIES % canaries))
    assert [field.removeprefix("spec.canary[0].") for _, field in told] == fields
