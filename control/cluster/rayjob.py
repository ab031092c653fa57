"""A training as a RayJob of KubeRay: the same `slipway train` command in a pod of the training image."""

from __future__ import annotations

import re
import shlex
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from control.cluster.settings import ClusterSettings
from control.errors import KubernetesError

if TYPE_CHECKING:
    from training.run import TrainRequest

__all__ = ["GROUP", "PLURAL", "VERSION", "entrypoint", "job_name", "rayjob"]

GROUP, VERSION, PLURAL = "ray.io", "v1", "rayjobs"
USER = 10001
LONGEST_NAME = 47
"""KubeRay appends to the name of a job, and a label has at most 63 characters."""
EXPANDED = re.compile(r"[$`\"'\\!\s]")
"""Characters that a shell expands: KubeRay passes the runtime environment through one, in double quotes."""
MLFLOW = "MLFLOW_TRACKING_URI"
PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001, "metrics": 8080}
"""Ports of the head, those of Ray's and KubeRay's defaults."""
HEALTH = {
    "httpGet": {"path": "/api/gcs_healthz", "port": "dashboard"},
    "initialDelaySeconds": 30,
    "periodSeconds": 10,
    "timeoutSeconds": 5,
    "failureThreshold": 12,
}
SUBMITTER = {"cpu": "500m", "memory": "512Mi"}


def job_name(app: str) -> str:
    """Return a job name with the current time, such as `train-price-20260131-174500`."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    start = f"train-{app.replace('_', '-').lower()}"[: LONGEST_NAME - len(stamp) - 1].rstrip("-")
    return f"{start}-{stamp}"


def entrypoint(request: TrainRequest) -> str:
    """Return the command line of the same training. Raises `KubernetesError` for files on this machine."""
    words = ["slipway", "train", request.package or request.app]
    for path in map(str, request.paths):
        if not path.startswith("s3://"):
            raise KubernetesError(f"--data {path} is on this machine; a cluster needs s3://bucket/file or --query")
        words += ["--data", path]
    if request.query:
        words += ["--query", request.query]
    words += ["--workers", str(request.workers), "--seed", str(request.options.seed)]
    if request.promote:
        words.append("--promote")
    if request.tune:
        words += ["--tune", str(request.tune)]
    if request.tune_minutes is not None:
        words += ["--tune-minutes", f"{request.tune_minutes:g}"]
    for name in request.options.allowed:
        words += ["--allow-column", name]
    for name, value in request.options.select.items():
        words.append(f"--{name}={value}")
    return shlex.join(words)


def rayjob(
    request: TrainRequest, settings: ClusterSettings, name: str, repository_url: str, mlflow_uri: str = ""
) -> dict[str, Any]:
    """Return the manifest. With an empty `mlflow_uri`, the job reads it from the first Secret of the settings.

    Raises `KubernetesError` if the job would have no registry or no repository to publish to, or if the manifest
    would contain a password.
    """
    _check(settings, repository_url, mlflow_uri)
    labels = {
        "app.kubernetes.io/name": "slipway",
        "app.kubernetes.io/component": "training",
        "app.kubernetes.io/version": version("slipway"),
        "slipway/app": request.app,
        # The network policies of the chart select these.
        "slipway.dev/release": settings.release,
        "slipway.dev/part": "training",
    }
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if settings.namespace:
        metadata["namespace"] = settings.namespace
    cpus = max(settings.cpus, request.workers)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "RayJob",
        "metadata": metadata,
        "spec": {
            "entrypoint": entrypoint(request),
            "runtimeEnvYAML": _runtime_env(repository_url, mlflow_uri),
            "submissionMode": "K8sJobMode",
            # A second attempt would register a second version. Ray Train itself recovers from a lost worker.
            "backoffLimit": 0,
            "submitterConfig": {"backoffLimit": 2},
            "activeDeadlineSeconds": settings.deadline_seconds,
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": settings.keep_seconds,
            "submitterPodTemplate": _pod(labels, settings, _submitter(settings), "64Mi"),
            "rayClusterSpec": {
                "rayVersion": version("ray"),
                "authOptions": {"mode": "token"},
                # One pod: the workers of a fit share its disk, which holds the checkpoints.
                "headGroupSpec": {
                    "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": str(cpus)},  # noqa: S104
                    "template": _pod(labels, settings, _head(settings, cpus, mlflow_uri), settings.disk),
                },
            },
        },
    }


def _check(settings: ClusterSettings, repository_url: str, mlflow_uri: str) -> None:
    missing = []
    if not repository_url.startswith("s3://"):
        missing.append(
            "SLIPWAY_REPOSITORY_URL must be s3://bucket/prefix; a training on a cluster fetches versions "
            "from this bucket and publishes to it"
        )
    if not mlflow_uri and not settings.secrets:
        missing.append(
            f"{MLFLOW} must name the MLflow that the cluster reaches; set it, or name a Secret that holds it in "
            "SLIPWAY_TRAINING_SECRETS"
        )
    if missing:
        raise KubernetesError("\n       ".join(missing))
    if "@" in mlflow_uri:
        raise KubernetesError(
            f"{MLFLOW} holds a password: put it into a Secret, name that in SLIPWAY_TRAINING_SECRETS, unset it"
        )
    for what, value in ((MLFLOW, mlflow_uri), ("SLIPWAY_REPOSITORY_URL", repository_url)):
        if EXPANDED.search(value):
            raise KubernetesError(f"{what}: the characters $ ` \" ' \\ ! and spaces cannot be passed to a job")


def _runtime_env(repository_url: str, mlflow_uri: str) -> str:
    variables = {
        "SLIPWAY_HOME": "/tmp/slipway",  # noqa: S108 - the only folder a pod may write to
        "SLIPWAY_MODEL_REPOSITORY": "/tmp/model-repository",  # noqa: S108 - as above
        "SLIPWAY_REPOSITORY_URL": repository_url,
        **({MLFLOW: mlflow_uri} if mlflow_uri else {}),
    }
    return "env_vars:\n" + "".join(f"  {name}: '{value}'\n" for name, value in variables.items())


def _pod(
    labels: dict[str, str], settings: ClusterSettings, container: dict[str, Any], disk: str
) -> dict[str, Any]:
    """A pod template that may write to /tmp and nowhere else, as an unprivileged user without a token."""
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": disk}}],
    }
    if settings.service_account:
        spec["serviceAccountName"] = settings.service_account
    if settings.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    if container["resources"]["limits"].get("nvidia.com/gpu"):
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return {"metadata": {"labels": labels}, "spec": spec}


def _container(name: str, image: str, resources: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - as above
    }


def _submitter(settings: ClusterSettings) -> dict[str, Any]:
    return _container("ray-job-submitter", settings.image, SUBMITTER)


def _head(settings: ClusterSettings, cpus: int, mlflow_uri: str) -> dict[str, Any]:
    resources: dict[str, str] = {"cpu": str(cpus), "memory": settings.memory, "ephemeral-storage": settings.disk}
    if settings.gpus:
        resources["nvidia.com/gpu"] = str(settings.gpus)
    container = _container("ray-head", settings.image, resources)
    container["ports"] = [{"name": name, "containerPort": port} for name, port in PORTS.items()]
    # Without them, KubeRay adds probes that need wget.
    container["livenessProbe"] = container["readinessProbe"] = HEALTH
    if settings.secrets:
        container["envFrom"] = [{"secretRef": {"name": name}} for name in settings.secrets]
    if not mlflow_uri:
        # Named on its own, so that the pod does not start without a registry.
        source = {"secretKeyRef": {"name": settings.secrets[0], "key": MLFLOW}}
        container["env"] = [{"name": MLFLOW, "valueFrom": source}]
    return container
