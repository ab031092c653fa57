"""InferenceServices: what KServe's webhook refuses, and what KServe ignores in one of its modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, table
from control.lint.manifests.schemas.kserve_sdk import problems

__all__ = ["check"]

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
MODE = "serving.kserve.io/deploymentMode"
CLASS = "serving.kserve.io/autoscalerClass"
KNATIVE_CLASS = "autoscaling.knative.dev/class"
PERCENT = "serving.kserve.io/targetUtilizationPercentage"
METRIC = "serving.kserve.io/metrics"
CLASSES = ("hpa", "keda", "external", "none")
MODES = {
    "Standard": "Standard",
    "RawDeployment": "Standard",
    "Knative": "Knative",
    "Serverless": "Knative",
    "ModelMesh": "ModelMesh",
}
"""Value of the annotation -> current name of the mode."""
COMPONENTS = ("predictor", "transformer", "explainer")
FRAMEWORKS = tuple("sklearn xgboost tensorflow pytorch triton onnx huggingface pmml lightgbm paddle model".split())
IMPLEMENTATIONS = {"predictor": FRAMEWORKS, "transformer": (), "explainer": ("art",)}
"""Component -> the fields that implement it, beside its own containers."""
METRICS = {"hpa": ("cpu", "memory"), "knative": ("concurrency", "rps")}
BUILT_IN_RUNTIMES = "kserve-"
"""Prefix of the names of KServe's own runtimes."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield the mistakes in InferenceServices, and runtimes that do not exist."""
    for service in bundle.of("InferenceService"):
        # A generated name begins with metadata.generateName and ends with letters and digits.
        name = service.name if service.get("metadata.name") else f"{service.name}x"
        if not NAME.fullmatch(name):
            yield service.finding("SLW802", "metadata.name", f"{service.name!r} is not a valid name")
        for path, message in problems(service.body):
            yield service.finding("SLW801", path, message)
        mode = _mode(service)
        yield from _stated(service)
        yield from _shares(service)
        yield from _ignored_canary(service, mode)
        for component in COMPONENTS:
            spec = service.get(f"spec.{component}")
            if isinstance(spec, dict):
                at = f"spec.{component}"
                yield from _implementation(service, component, spec)
                yield from _scaling(service, at, spec, mode)
                yield from _ignored(service, at, spec, mode)
                yield from _runtime(service, bundle, at, spec)


def _mode(service: Resource) -> str:
    return MODES.get(service.annotations.get(MODE, ""), "")


def _stated(service: Resource) -> Iterator[Finding]:
    given = service.annotations.get(MODE)
    at = f"metadata.annotations.{MODE}"
    if given is None:
        yield service.finding("SLW808", "metadata.annotations", f"there is no annotation {MODE}")
    elif given not in MODES:
        yield service.finding("SLW804", at, f"{given!r} is not one of Standard, Knative")
    chosen = service.annotations.get(CLASS)
    if chosen is not None and chosen not in CLASSES:
        message = f"{chosen!r} is not one of {', '.join(CLASSES)}"
        yield service.finding("SLW804", f"metadata.annotations.{CLASS}", message)
    percent, metric = service.annotations.get(PERCENT), service.annotations.get(METRIC)
    if percent is not None and not (percent.isdecimal() and 1 <= int(percent) <= 100):
        message = f"{percent!r}: the target utilization percentage should be a [1-100] integer"
        yield service.finding("SLW804", f"metadata.annotations.{PERCENT}", message)
    if metric is not None and chosen == "hpa" and metric not in METRICS["hpa"]:
        message = f"{metric!r} is not one of {', '.join(METRICS['hpa'])}"
        yield service.finding("SLW804", f"metadata.annotations.{METRIC}", message)


def _shares(service: Resource) -> Iterator[Finding]:
    percent = service.get("spec.predictor.canaryTrafficPercent")
    if isinstance(percent, int) and not 0 <= percent <= 100:
        yield service.finding(
            "SLW803", "spec.predictor.canaryTrafficPercent", f"{percent} is not between 0 and 100"
        )
    shares = [item.get("trafficPercent") for _, item in entries(service.get("spec.canary"))]
    total = sum(share for share in shares if isinstance(share, int))
    if total > 100:
        yield service.finding("SLW803", "spec.canary", f"the shares add up to {total}; at most 100 is allowed")


def _ignored_canary(service: Resource, mode: str) -> Iterator[Finding]:
    if mode == "Standard" and service.get("spec.predictor.canaryTrafficPercent") is not None:
        message = "Standard mode ignores it; spec.canary is its canary"
        yield service.finding("SLW805", "spec.predictor.canaryTrafficPercent", message)
    if mode == "Knative" and service.get("spec.canary") is not None:
        message = "Knative mode ignores it; spec.predictor.canaryTrafficPercent is its canary"
        yield service.finding("SLW805", "spec.canary", message)
    for name in service.annotations:
        at = f"metadata.annotations.{name}"
        if mode == "Standard" and name.startswith("autoscaling.knative.dev/"):
            yield service.finding("SLW805", at, "only Knative mode reads it")
        if mode == "Knative" and name == CLASS:
            yield service.finding("SLW805", at, f"only Standard mode reads it; Knative's is {KNATIVE_CLASS}")


def _implementation(service: Resource, component: str, spec: dict[str, Any]) -> Iterator[Finding]:
    at = f"spec.{component}"
    given = [name for name in IMPLEMENTATIONS[component] if spec.get(name) is not None]
    # A predictor may have a model and, in the same pod, a transformer's container.
    own = ["containers"] if spec.get("containers") and (component != "predictor" or not given) else []
    if len(given + own) != 1:
        wanted = " and no ".join(("containers", *(IMPLEMENTATIONS[component][-1:])))
        yield service.finding("SLW807", at, f"it has {' and '.join(given + own) or f'no {wanted}'}")
    for name in given if component == "predictor" else ():
        if table(spec[name]).get("name"):
            yield service.finding("SLW807", f"{at}.{name}.name", "a name is not allowed here")


def _scaling(service: Resource, at: str, spec: dict[str, Any], mode: str) -> Iterator[Finding]:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and 0 < most < least:
        yield service.finding("SLW401", f"{at}.minReplicas", f"minReplicas is {least}, maxReplicas {most}")
    chosen = service.annotations.get(CLASS, "hpa" if mode == "Standard" else "")
    if mode == "Standard" and chosen == "keda":
        if spec.get("scaleMetric") is not None:
            yield service.finding("SLW804", f"{at}.scaleMetric", "KEDA takes its metrics from autoScaling.metrics")
    elif mode in ("Standard", "Knative") and chosen not in ("none", "external"):
        yield from _metric(service, at, spec, mode)
    if mode == "Knative" and spec.get("deploymentStrategy") is not None:
        yield service.finding("SLW804", f"{at}.deploymentStrategy", "only Standard mode allows it")


def _metric(service: Resource, at: str, spec: dict[str, Any], mode: str) -> Iterator[Finding]:
    """Yield a metric or a target that the service's autoscaler does not have."""
    by_hpa = mode == "Standard" or service.annotations.get(KNATIVE_CLASS, "").startswith("hpa.")
    # The webhook looks at an HPA's metrics only if the class is stated; otherwise, the HPA has no value to read.
    severity: Literal["", "warning"] = "warning" if mode == "Standard" and CLASS not in service.annotations else ""
    metric, target = spec.get("scaleMetric"), spec.get("scaleTarget")
    allowed = METRICS["hpa" if by_hpa else "knative"]
    if metric is not None and metric not in allowed:
        message = f"{metric!r} is not one of {', '.join(allowed)}, the metrics of this autoscaler"
        yield service.finding("SLW804", f"{at}.scaleMetric", message, severity)
    if by_hpa and isinstance(target, int) and (target < 1 or (metric in (None, "cpu") and target > 100)):
        message = f"{target} is not between 1 and 100 percent"
        yield service.finding("SLW804", f"{at}.scaleTarget", message, severity)


def _ignored(service: Resource, at: str, spec: dict[str, Any], mode: str) -> Iterator[Finding]:
    """Yield fields that have no effect in a mode, and bounds that the mode cannot keep."""
    silent = {"Standard": ("containerConcurrency",), "Knative": ("autoScaling", "workerSpec")}
    other = {"Standard": "Knative", "Knative": "Standard"}
    for name in silent.get(mode, ()):
        if spec.get(name) is not None:
            yield service.finding("SLW805", f"{at}.{name}", f"only {other[mode]} mode reads it")
    chosen = service.annotations.get(CLASS, "hpa")
    if mode != "Standard":
        return
    if chosen in ("hpa", "none") and spec.get("minReplicas") == 0:
        message = "only Knative mode and KEDA scale to zero; KServe uses 1"
        yield service.finding("SLW805", f"{at}.minReplicas", message)
    if chosen in ("none", "external"):
        for name in ("scaleMetric", "scaleTarget", "autoScaling"):
            if spec.get(name) is not None:
                yield service.finding("SLW805", f"{at}.{name}", f"the autoscaler class is {chosen}")


def _runtime(service: Resource, bundle: Bundle, at: str, spec: dict[str, Any]) -> Iterator[Finding]:
    name = dig(spec, "model.runtime")
    if not isinstance(name, str):
        return
    found = bundle.find("ServingRuntime", name, service.namespace) or bundle.find("ClusterServingRuntime", name)
    if found is None:
        declared = bundle.declared("servingruntime", name) or bundle.declared("clusterservingruntime", name)
        if not declared and not name.startswith(BUILT_IN_RUNTIMES):
            message = f"there is no ServingRuntime {name}"
            yield service.finding("SLW806", f"{at}.model.runtime", message, "warning")
        return
    wanted = dig(spec, "model.modelFormat.name")
    formats = [item.get("name") for _, item in entries(found.get("spec.supportedModelFormats"))]
    if wanted is not None and wanted not in formats:
        message = f"{found.label} supports the formats {', '.join(map(str, formats)) or 'none'}, not {wanted}"
        yield service.finding("SLW806", join(at, "model.modelFormat.name"), message)
