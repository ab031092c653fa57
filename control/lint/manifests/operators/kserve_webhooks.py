"""InferenceServices: what KServe's webhook and controller refuse about storage, replicas, workers and metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import entries, join, strings, table
from control.lint.manifests.operators.kserve_metrics import hpa_metrics, keda_metrics

__all__ = ["check"]

_COMPONENTS = ("predictor", "transformer", "explainer")
_PREFIXES = "gs:// s3:// pvc:// file:// https:// http:// hdfs:// webhdfs:// oci:// oci+native:// oci+fetch:// hf://".split()
_KEPT = ("s3://", "hdfs://", "webhdfs://")
"""Prefixes that a storage specification with credentials supports."""
_AZURE = re.compile(r"https://.+?\.blob\.core\.windows\.net/.+")
_CLASS = "serving.kserve.io/autoscalerClass"
_BLOCKED = frozenset({"PYTHONPATH"})
_SIZES = ("PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE")
Refused = Iterator[tuple[str, str]]


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield what KServe refuses."""
    own = [
        form
        for container in bundle.of("ClusterStorageContainer")
        for _, form in entries(container.get("spec.supportedUriFormats"))
    ]
    for service in bundle.of("InferenceService"):
        for component in _COMPONENTS:
            spec = service.get(f"spec.{component}")
            if isinstance(spec, dict):
                for at, message in _component(service, spec, own):
                    yield service.finding("SLW809", join(f"spec.{component}", at), message)
        for at, message in _workers(service, table(service.get("spec.predictor"))):
            yield service.finding("SLW809", join("spec.predictor", at), message)
        for at, message in _canaries(service):
            yield service.finding("SLW809", at, message)
    yield from _variables_of(bundle)


def _variables_of(bundle: Bundle) -> Iterator[Finding]:
    """Yield variables that KServe refuses since 2026: a warning, because older releases accept them."""
    parts = [(service, f"spec.{name}") for service in bundle.of("InferenceService") for name in _COMPONENTS]
    parts += [
        (runtime, "spec") for kind in ("ServingRuntime", "ClusterServingRuntime") for runtime in bundle.of(kind)
    ]
    for resource, path in parts:
        for at, message in _blocked(table(resource.get(path))):
            yield resource.finding("SLW809", join(path, at), message, "warning")


def _component(service: Resource, spec: dict[str, Any], own: list[dict[str, Any]]) -> Refused:
    yield from _bounds(spec)
    yield from _logger(spec.get("logger"))
    for name, implementation in spec.items():
        if isinstance(implementation, dict):
            yield from _storage(name, implementation, own)
    yield from _many_storages(spec)
    mode, scaler = service.annotations.get("serving.kserve.io/deploymentMode"), service.annotations.get(_CLASS)
    if mode == "Standard" and scaler == "hpa":
        yield from hpa_metrics(spec)
    if mode == "Standard" and scaler == "keda":
        yield from keda_metrics(spec)
    target = spec.get("scaleTarget")
    if mode == "Knative" and spec.get("scaleMetric") == "rps" and isinstance(target, int) and target < 1:
        yield "scaleTarget", "the target for rps should be greater than 1"


def _bounds(spec: dict[str, Any]) -> Refused:
    for name, title in (("minReplicas", "MinReplicas"), ("maxReplicas", "MaxReplicas")):
        if _negative(spec.get(name)):
            yield name, f"{title} cannot be less than 0."
    if _negative(spec.get("containerConcurrency")):
        yield "containerConcurrency", "Parallelism cannot be less than 0."


def _negative(value: Any) -> bool:
    return isinstance(value, int) and value < 0


def _logger(given: Any) -> Refused:
    if not isinstance(given, dict):
        return
    if given.get("mode") not in ("all", "request", "response"):
        yield "logger.mode", "invalid logger type"
    kept = given.get("storage")
    if isinstance(kept, dict) and any(kept.get(name) is None for name in ("path", "parameters", "key")):
        yield "logger.storage", "invalid logger storage configuration: path, parameters and key are required"


def _blocked(spec: dict[str, Any]) -> Refused:
    """Yield variables that the containers of a component or a runtime may not have."""
    places = [(part, spec.get(part)) for part in ("containers", "initContainers")]
    places += [(f"workerSpec.{part}", table(spec.get("workerSpec")).get(part)) for part, _ in places]
    found = [(join(at, i), container) for at, given in places for i, container in entries(given)]
    found += [(name, value) for name, value in spec.items() if isinstance(value, dict) and "env" in value]
    for at, container in found:
        for name in _BLOCKED & _variables(container):
            words = (
                f'setting {name} in container "{container.get("name", "")}" is not allowed for security reasons'
            )
            yield f"{at}.env", words


def _canaries(service: Resource) -> Refused:
    stable = table(service.get("spec.predictor"))
    named = {stable.get("name") or ""}
    for i, canary in entries(service.get("spec.canary")):
        at, spec = join("spec.canary", i), table(canary.get("predictor"))
        name, least = spec.get("name") or "", spec.get("minReplicas")
        if not name:
            yield f"{at}.predictor.name", f"canary[{i}] predictor.name is required"
        elif name in named:
            yield f"{at}.predictor.name", f'canary predictor.name "{name}" is taken'
        named.add(name)
        share = canary.get("trafficPercent")
        if isinstance(share, int) and not 0 <= share <= 100:
            words = f"trafficPercent must be between 0 and 100, got {share}"
            yield f"{at}.trafficPercent", f'canary "{name}" {words}'
        for field in ("workerSpec", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"):
            if spec.get(field):
                yield f"{at}.predictor.{field}", f'canary "{name}" must not set {field}'
        most = stable.get("minReplicas", 1)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            words = f"minReplicas ({least}) must not exceed stable predictor minReplicas ({most})"
            yield f"{at}.predictor.minReplicas", f'canary "{name}" {words}'


def _storage(name: str, implementation: dict[str, Any], own: list[dict[str, Any]]) -> Refused:
    """Yield addresses of models that neither KServe nor a storage container in the manifests can download."""
    uri, kept = implementation.get("storageUri"), implementation.get("storage")
    if isinstance(kept, dict):
        yield from _kept(name, uri, kept)
    elif isinstance(uri, str) and not _downloads(uri) and not any(_supports(form, uri) for form in own):
        yield f"{name}.storageUri", _unsupported(uri, _PREFIXES)


def _downloads(uri: str) -> bool:
    if not re.search(r"\w://", uri):
        return True
    if "blob.core.windows.net" in uri:
        return bool(_AZURE.search(uri))
    return uri.startswith(tuple(_PREFIXES))


def _supports(form: dict[str, Any], uri: str) -> bool:
    prefix, pattern = form.get("prefix"), form.get("regex")
    if isinstance(prefix, str) and prefix:
        return uri.startswith(prefix)
    # Go's syntax differs slightly from Python's, so that a pattern which Python cannot read counts as a match.
    try:
        return isinstance(pattern, str) and re.search(pattern, uri) is not None
    except re.error:
        return True


def _kept(name: str, uri: Any, kept: dict[str, Any]) -> Refused:
    if isinstance(uri, str):
        if not uri.startswith(_KEPT):
            yield f"{name}.storageUri", _unsupported(uri, _KEPT)
        return
    kind = strings(kept.get("parameters")).get("type")
    if kind is not None and f"{kind}://" not in _KEPT:
        message = f"storage.spec.type, must be one of: [{', '.join(_KEPT)}]"
        yield f"{name}.storage.parameters.type", f"{message}. storage.spec.type [{kind}] is not supported."


def _unsupported(uri: str, prefixes: tuple[str, ...] | list[str]) -> str:
    return (
        f"storageUri, must be one of: [{', '.join(prefixes)}] "
        "or match https://{}.blob.core.windows.net/{}/{} or be an absolute or relative local path. "
        f"StorageUri [{uri}] is not supported."
    )


def _many_storages(spec: dict[str, Any]) -> Refused:
    listed = spec.get("storageUris")
    if listed is None:
        return
    if any(isinstance(item, dict) and item.get("storageUri") is not None for item in spec.values()):
        yield "storageUris", "Setting both StorageURI and StorageURIs is not supported."
    mounts: list[str] = []
    for i, item in entries(listed):
        at, path = join("storageUris", i), str(item.get("mountPath", "/mnt/models"))
        problem = _mount_problem(path)
        if item.get("uri") == "":
            yield f"{at}.uri", "storage URI cannot be empty"
        if problem:
            yield f"{at}.mountPath", problem
        elif not str(item.get("uri")).startswith("pvc://"):
            mounts.append(path)
    if len(mounts) > 1 and len({path.split("/")[1] for path in mounts}) > 1:
        yield "storageUris", "storage paths must have a common parent directory"


def _mount_problem(path: str) -> str:
    if path == "/":
        return "storage path cannot be empty"
    if not path.startswith("/"):
        return f"storage path must be absolute: {path}"
    return f"storage path cannot contain '..' for security reasons: {path}" if ".." in path else ""


def _workers(service: Resource, spec: dict[str, Any]) -> Refused:
    """Yield what is refused of pods beside the predictor's: transformers and workers."""
    for i, container in entries(spec.get("containers")):
        if container.get("name") == "transformer-container" and "STORAGE_URI" in _variables(container):
            at = join("containers", i)
            yield f"{at}.env", "storage uri should not be specified in transformer container"
    workers, model = spec.get("workerSpec"), spec.get("model")
    if not isinstance(workers, dict):
        return
    if len(entries(workers.get("containers"))) > 1:
        yield "workerSpec.containers", "setting multiple containers in workerSpec is not allowed"
    for name, title in (
        ("pipelineParallelSize", "PipelineParallelSize"),
        ("tensorParallelSize", "TensorParallelSize"),
    ):
        value = workers.get(name)
        if isinstance(value, int) and value < 1:
            yield f"workerSpec.{name}", f"WorkerSpec.{title} cannot be less than 1({value})"
    if isinstance(model, dict):
        yield from _over_nodes(service, model)


def _over_nodes(service: Resource, model: dict[str, Any]) -> Refused:
    for name in _SIZES:
        if name in _variables(model):
            yield "model.env", f"setting {name} in environment variables is not allowed"
    uri = model.get("storageUri")
    if uri is None:
        yield "model.storageUri", "StorageURI must be set for multinode enabled"
    elif (scheme := str(uri).split("://")[0]) not in ("pvc", "oci"):
        yield "model.storageUri", f"Multinode only supports 'pvc' and 'oci' Storage Protocol({scheme})"
    scaler = service.annotations.get(_CLASS, "")
    if scaler != "none":
        yield "workerSpec", f"Multinode only supports 'none' autoscaler({scaler})"


def _variables(container: dict[str, Any]) -> set[str]:
    return {str(item.get("name")) for _, item in entries(container.get("env"))}
