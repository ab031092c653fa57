"""What operators refuse or ignore, metrics nobody emits, and what nothing can catch."""

from __future__ import annotations

from typing import Any

from benchmarks.manifests.edit import Change, append, both, drop, put
from benchmarks.manifests.places import (
    BOX,
    CLASS,
    CLUSTER,
    ELASTIC,
    GATEWAY,
    GROUP,
    HEAD,
    HPA,
    JOB,
    LIST,
    MODE,
    POD,
    PREDICTOR,
    RAY,
    RAYS,
    RULES,
    RUNTIME,
    TRITON,
    WORKER,
    family,
)

BOARD = '{"panels": [{"targets": [{"expr": "sum(slipway_request_count)"}]}]}'
OBSERVE = family(
    "observe",
    [
        ("a metric without _total", RULES, "SLW601", put(f"{LIST} 0 expr", "rate(slipway_requests[5m])")),
        ("a metric of an older name", RULES, "SLW601", put(f"{LIST} 1 expr", "slipway_errors_total > 1")),
        (
            "a recorded series that is not",
            RULES,
            "SLW601",
            put(f"{LIST} 1 expr", "app:slipway_errors:ratio1h > 1"),
        ),
        ("a metric Triton has not", RULES, "SLW601", put(f"{LIST} 3 expr", "rate(nv_inference_queue_us[5m]) > 1")),
        ("a panel of no metric", "ConfigMap/dashboard", "SLW601", put("data gateway.json", BOARD)),
        (
            "a trigger of no metric",
            "ScaledObject/front",
            "SLW601",
            put("spec triggers 0 metadata query", "sum(slipway_in_flight)"),
        ),
        ("an autoscaler of no metric", HPA, "SLW601", put("spec metrics 1 pods metric name", "slipway_inflight")),
        ("no runbook", RULES, "SLW602", drop(f"{LIST} 1 annotations runbook_url")),
        ("no annotations", RULES, "SLW602", drop(f"{LIST} 2 annotations")),
        ("an alert twice", RULES, "SLW603", append(LIST, 1)),
        ("a rate without a range", RULES, "SLW604", put(f"{LIST} 1 expr", "rate(slipway_requests_total) > 1")),
        ("an alert and a record in one", RULES, "SLW606", put(f"{LIST} 1 record", "app:requests:sum")),
        (
            "a bracket is not closed",
            RULES,
            "SLW604",
            put(f"{LIST} 1 expr", "sum(rate(slipway_requests_total[5m]) > 1"),
        ),
        ("a bracket too many", RULES, "SLW604", put(f"{LIST} 1 expr", "sum(slipway_requests_total)) > 1")),
        ("an empty query", RULES, "SLW604", put(f"{LIST} 3 expr", " ")),
        ("a label nobody has", RULES, "SLW605", put(f"{LIST} 1 expr", 'slipway_requests_total{code="500"} > 1')),
        (
            "grouping by a label nobody has",
            RULES,
            "SLW605",
            put(f"{LIST} 1 expr", "sum by (model) (slipway_queue_rows) > 1"),
        ),
    ],
)


def _serve(old: str, new: str) -> Change:
    def change(body: dict[str, Any]) -> None:
        text = body["spec"]["serveConfigV2"]
        assert old in text, old
        body["spec"]["serveConfigV2"] = text.replace(old, new, 1)

    return change


INCREMENTAL = {"gatewayClassName": "envoy", "intervalSeconds": 10, "stepSizePercent": 101}
RAY_ROWS = family(
    "ray",
    [
        (
            "no import_path",
            RAY,
            "SLW701",
            _serve("import_path: serving.hosting.composition:app", "runtime_env: {}"),
        ),
        ("an import_path without a colon", RAY, "SLW701", _serve("serving.hosting.composition:app", "serving")),
        ("num_replicas below zero", RAY, "SLW701", _serve("max_ongoing_requests: 64", "num_replicas: -1")),
        (
            "max_ongoing_requests zero",
            RAY,
            "SLW701",
            _serve("max_ongoing_requests: 64", "max_ongoing_requests: 0"),
        ),
        ("min_replicas above max_replicas", RAY, "SLW701", _serve("min_replicas: 1", "min_replicas: 9")),
        (
            "a misspelled field of a deployment",
            RAY,
            "SLW701",
            _serve("max_ongoing_requests", "max_ongoing_request"),
        ),
        ("a misspelled field at the top", RAY, "SLW701", _serve("applications:", "application:")),
        ("a route without a slash", RAY, "SLW701", _serve("route_prefix: /", "route_prefix: v1")),
        ("a key twice inside", RAY, "SLW701", _serve("route_prefix: /", "route_prefix: /\n    route_prefix: /")),
        ("a tab inside", RAY, "SLW701", _serve("    import_path", "\timport_path")),
        ("serveConfigV2 is missing", RAY, "SLW701", drop("spec serveConfigV2")),
        ("upgradeStrategy RollingUpdate", RAY, "SLW702", put("spec upgradeStrategy type", "RollingUpdate")),
        ("a cluster's upgradeStrategy", CLUSTER, "SLW702", put("spec upgradeStrategy", {"type": "NewCluster"})),
        (
            "an incremental upgrade in leaps",
            RAY,
            "SLW702",
            put(
                "spec upgradeStrategy",
                {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": INCREMENTAL},
            ),
        ),
        (
            "an incremental upgrade without options",
            RAY,
            "SLW702",
            put("spec upgradeStrategy", {"type": "NewClusterWithIncrementalUpgrade"}),
        ),
        ("a group's min above its max", RAY, "SLW703", put(f"{GROUP} minReplicas", 4)),
        ("a group's number outside its bounds", RAY, "SLW703", put(f"{GROUP} replicas", 5)),
        ("a group twice", RAY, "SLW703", append(f"{RAYS} workerGroupSpecs", 0)),
        ("a RayJob with a ttl that stays", JOB, "SLW708", put("spec ttlSecondsAfterFinished", -1)),
        ("a RayJob without a cluster", JOB, "SLW708", drop("spec rayClusterSpec")),
        ("a head without containers", CLUSTER, "SLW706", put("spec headGroupSpec template spec containers", [])),
        ("a name of 48 letters", RAY, "SLW704", put("metadata name", "p" * 48)),
        ("a name that begins with a digit", RAY, "SLW704", put("metadata name", "7prices")),
        ("options of an autoscaler that is off", RAY, "SLW705", drop(f"{RAYS} enableInTreeAutoscaling")),
        (
            "GPUs in two places",
            RAY,
            "SLW706",
            both(put(f"{GROUP} rayStartParams num-gpus", "1"), put(f"{GROUP} resources", {"GPU": "1"})),
        ),
        ("a head's port that Ray's metrics have", RAY, "SLW707", put(f"{HEAD} ports 0 containerPort", 8080)),
        (
            "a worker's port that Ray's metrics were moved to",
            RAY,
            "SLW707",
            both(
                put(f"{GROUP} rayStartParams metrics-export-port", "8090"),
                put(f"{WORKER} ports", [{"name": "http", "containerPort": 8090}]),
            ),
        ),
        ("labels in rayStartParams", RAY, "SLW706", put(f"{GROUP} rayStartParams labels", "a=b")),
        (
            "a name for the head's Service",
            RAY,
            "SLW706",
            put(f"{RAYS} headGroupSpec headService", {"metadata": {"name": "head"}}),
        ),
        (
            "Redis by a variable",
            RAY,
            "SLW706",
            put(f"{HEAD} env", [{"name": "RAY_REDIS_ADDRESS", "value": "r:6379"}]),
        ),
    ],
)

SHARE = {"predictor": {"model": {"modelFormat": {"name": "triton"}}}, "trafficPercent": 60}
KSERVE = family(
    "kserve",
    [
        ("an unknown field", TRITON, "SLW801", put(f"{PREDICTOR} model storageUrl", "pvc://models")),
        ("a runtime as a number", TRITON, "SLW801", put(f"{PREDICTOR} model runtime", 3)),
        ("a name that begins with a digit", TRITON, "SLW802", put("metadata name", "1triton")),
        ("a name with a dot", TRITON, "SLW802", put("metadata name", "tri.ton")),
        ("a canary of 120 percent", ELASTIC, "SLW803", put(f"{PREDICTOR} canaryTrafficPercent", 120)),
        ("canaries of 120 percent together", TRITON, "SLW803", put("spec canary", [SHARE, SHARE])),
        ("an unknown class of autoscaler", TRITON, "SLW804", put(CLASS, "kpa")),
        ("an unknown deployment mode", TRITON, "SLW804", put(MODE, "Serverles")),
        ("concurrency with an HPA", TRITON, "SLW804", put(f"{PREDICTOR} scaleMetric", "concurrency")),
        ("cpu with Knative", ELASTIC, "SLW804", put(f"{PREDICTOR} scaleMetric", "cpu")),
        ("scaleMetric with KEDA", TRITON, "SLW804", put(CLASS, "keda")),
        ("a target of 170 percent", TRITON, "SLW804", put(f"{PREDICTOR} scaleTarget", 170)),
        (
            "deploymentStrategy with Knative",
            ELASTIC,
            "SLW804",
            put(f"{PREDICTOR} deploymentStrategy", {"type": "Recreate"}),
        ),
        ("the old canary in Standard mode", TRITON, "SLW805", put(f"{PREDICTOR} canaryTrafficPercent", 10)),
        ("the new canary in Knative mode", ELASTIC, "SLW805", put("spec canary", [SHARE])),
        ("containerConcurrency in Standard mode", TRITON, "SLW805", put(f"{PREDICTOR} containerConcurrency", 8)),
        (
            "Knative's annotations in Standard mode",
            TRITON,
            "SLW805",
            put("metadata annotations autoscaling.knative.dev/target", "8"),
        ),
        ("scale to nothing in Standard mode", TRITON, "SLW805", put(f"{PREDICTOR} minReplicas", 0)),
        ("scaleTarget without an autoscaler", TRITON, "SLW805", put(CLASS, "none")),
        (
            "autoScaling in Knative mode",
            ELASTIC,
            "SLW805",
            put(f"{PREDICTOR} autoScaling", {"metrics": [{"type": "Resource"}]}),
        ),
        ("autoscalerClass in Knative mode", ELASTIC, "SLW805", put(CLASS, "hpa")),
        ("a runtime that is not there", TRITON, "SLW806", put(f"{PREDICTOR} model runtime", "triton")),
        ("a format the runtime has not", TRITON, "SLW806", put(f"{PREDICTOR} model modelFormat name", "onnx")),
        ("two implementations", TRITON, "SLW807", put(f"{PREDICTOR} onnx", {"storageUri": "pvc://models"})),
        ("no implementation", TRITON, "SLW807", drop(f"{PREDICTOR} model")),
        ("a name in the model", TRITON, "SLW807", put(f"{PREDICTOR} model name", "triton")),
        ("no deployment mode", ELASTIC, "SLW808", drop(MODE)),
        (
            "a scheme that nothing downloads",
            TRITON,
            "SLW809",
            put(f"{PREDICTOR} model storageUri", "ftp://models"),
        ),
        ("minus one replica", TRITON, "SLW809", put(f"{PREDICTOR} minReplicas", -1)),
    ],
)

UNCAUGHT = family(
    "uncaught",
    [
        (
            "a tag that the registry does not have",
            RUNTIME,
            "",
            put("spec containers 0 image", "nvcr.io/nvidia/tritonserver:24.99"),
        ),
        ("a node label that no node has", GATEWAY, "", put(f"{POD} nodeSelector", {"pool": "gpuu"})),
        (
            "a memory limit that is too small to start",
            GATEWAY,
            "",
            put(f"{BOX} resources", {"requests": {"cpu": "1", "memory": "8Mi"}, "limits": {"memory": "8Mi"}}),
        ),
        ("a probe of a path that answers 404", GATEWAY, "", put(f"{BOX} readinessProbe httpGet path", "/ready")),
        ("a setting's name misspelled", GATEWAY, "", put(f"{BOX} env 0 name", "SLIPWAY_LOG_LEVL")),
        ("an import path of no module", RAY, "", _serve("serving.hosting.composition:app", "serving.ap:app")),
        (
            "a storage URI that is not there",
            TRITON,
            "",
            put(f"{PREDICTOR} model storageUri", "pvc://other/models"),
        ),
        (
            "a threshold that is never reached",
            RULES,
            "",
            put(f"{LIST} 1 expr", "app:slipway_errors:ratio5m > 100"),
        ),
    ],
)
"""Broken all the same, and beyond what can be known without a cluster: listed so that nobody relies on it."""
