"""The calls to the API server that a training job needs, with time limits and errors that say what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from control.cluster.rayjob import GROUP, PLURAL, VERSION
from control.errors import ClusterAway, KubernetesError

if TYPE_CHECKING:
    from kubernetes.client import ApiException, Configuration

__all__ = ["Cluster", "Status"]

CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
RETRIES = 2
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
HINTS = {
    401: "the server refuses the credentials of this context: log in again",
    403: "ask for the chart's Role <release>-trainer (rbac.trainers) in this namespace",
    404: "the namespace does not exist, or KubeRay is not installed",
    409: "a job of that name exists: wait a second and repeat",
}
PASSING = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Status:
    """The state of a RayJob, in KubeRay's terms."""

    deployment: str
    job: str
    message: str

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.deployment in ("Complete", "Failed", "ValidationFailed")

    @property
    def succeeded(self) -> bool:
        """Whether the job has succeeded."""
        return self.job == "SUCCEEDED"


class Cluster:
    """The cluster of the kubeconfig, or the cluster that this process runs in.

    Methods raise `KubernetesError`, or its subclass `ClusterAway` if another attempt may succeed.
    """

    def __init__(self, namespace: str = "") -> None:
        try:
            from kubernetes import client
        except ImportError as cause:
            raise KubernetesError(
                "a cluster needs the package kubernetes: pip install 'slipway[cluster]'"
            ) from cause
        configuration, found = _configuration()
        configuration.retries = RETRIES
        self.namespace = namespace or found
        self.host = configuration.host
        api = client.ApiClient(configuration)
        self._objects = client.CustomObjectsApi(api)
        self._core = client.CoreV1Api(api)

    def create(self, manifest: dict[str, Any]) -> None:
        """Create a RayJob. The server refuses unknown fields."""
        with self._translated(f"create the RayJob {manifest['metadata']['name']}"):
            self._objects.create_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                manifest,
                field_validation="Strict",
                _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            )

    def status(self, name: str) -> Status:
        """Return the state of a RayJob."""
        with self._translated(f"read the RayJob {name}"):
            found: Any = self._objects.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=(CONNECT_SECONDS, READ_SECONDS)
            )
        status = found.get("status") or {}
        said = [status[key] for key in ("reason", "message") if status.get(key)]
        return Status(status.get("jobDeploymentStatus", ""), status.get("jobStatus", ""), ": ".join(said))

    def submitter(self, name: str) -> str:
        """Return the name of the pod that prints a job's log; empty while there is no such pod."""
        with self._translated(f"list the pods of the job {name}"):
            found: Any = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"job-name={name}",
                _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        # The newest pod counts: Kubernetes replaces a submitter that failed.
        pods = sorted(found.items, key=lambda pod: str(pod.metadata.creation_timestamp))
        return str(pods[-1].metadata.name) if pods else ""

    @contextmanager
    def log(self, pod: str, idle_seconds: float) -> Iterator[Iterator[bytes]]:
        """Follow a pod's log from start to end. Raises `ClusterAway` after `idle_seconds` of silence."""
        with self._translated(f"read the log of the pod {pod}"):
            answer: Any = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                follow=True,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, idle_seconds),
            )
            try:
                yield answer.stream()
            finally:
                answer.close()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn the errors of the client library into ours; `what` completes "cannot ..."."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as cause:
            raise self._refusal(what, cause) from None
        except (HTTPError, OSError) as cause:
            said = str(getattr(cause, "reason", None) or cause).splitlines()[0][:200]
            raise ClusterAway(
                f"cannot {what}: no answer from {self.host} ({said}); check `kubectl cluster-info`"
            ) from cause

    def _refusal(self, what: str, cause: ApiException) -> KubernetesError:
        """Return the server's message with a hint. Headers are left out, because they may hold credentials."""
        try:
            said = json.loads(cause.body or "")["message"]
        except (ValueError, KeyError, TypeError):
            said = cause.reason or ""
        hint = HINTS.get(cause.status or 0, "")
        text = f"cannot {what} in namespace {self.namespace}: {cause.status} {said}{'; ' if hint else ''}{hint}"
        return ClusterAway(text) if cause.status in PASSING else KubernetesError(text)


def _configuration() -> tuple[Configuration, str]:
    """Return how to reach the cluster, and the namespace to use."""
    from kubernetes import client, config

    load: Any = config
    # The library reads this variable only when it is imported.
    path = os.environ.get("KUBECONFIG") or None
    configuration = client.Configuration()
    try:
        load.load_kube_config(config_file=path, client_configuration=configuration)
        _, context = load.list_kube_config_contexts(path)
        return configuration, context["context"].get("namespace") or "default"
    except (config.ConfigException, yaml.YAMLError) as cause:
        reason = str(cause).splitlines()[0]
    try:
        load.load_incluster_config(client_configuration=configuration)
        return configuration, POD_NAMESPACE.read_text().strip()
    except (config.ConfigException, OSError) as cause:
        raise KubernetesError(
            f"no cluster is configured: {reason}; set KUBECONFIG, or use --print and apply the manifest elsewhere"
        ) from cause
