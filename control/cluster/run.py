"""`slipway train --on cluster`: print the manifest, or submit the job and follow it until it ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from control.cluster.api import Cluster
from control.cluster.follow import exit_code, follow
from control.cluster.rayjob import job_name, rayjob
from control.cluster.settings import ClusterSettings
from control.console import fail, note, print_json
from control.errors import KubernetesError
from control.settings import StackSettings
from control.yaml_text import dump

if TYPE_CHECKING:
    from training.run import TrainRequest

__all__ = ["train_on_cluster"]


def train_on_cluster(
    request: TrainRequest, stack: StackSettings, settings: ClusterSettings, print_only: bool, as_json: bool = False
) -> int:
    """Train on the cluster and return the exit code. Raises `KubernetesError`.

    With `as_json`, the job's log goes to standard error and its last state to standard output.
    """
    name = job_name(request.app)
    mlflow_uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    manifest = rayjob(request, settings, name, stack.repository_url, mlflow_uri)
    if print_only:
        sys.stdout.write(dump(manifest, 120))
        return 0
    cluster = Cluster(settings.namespace)
    cluster.create(manifest)
    note(f"RayJob {name} is created in namespace {cluster.namespace}.")
    out = sys.stderr if as_json else sys.stdout
    try:
        status = follow(cluster, name, lambda line: print(line, end="", file=out, flush=True), note)
    except (KeyboardInterrupt, KubernetesError):
        note(_how(cluster.namespace, name))
        raise
    code = exit_code(status)
    if as_json:
        print_json({"job": name, "namespace": cluster.namespace, "status": status.job, "exit_code": code})
    if code:
        fail(f"RayJob {name}: {status.job or status.deployment}: {status.message or 'see its log'}")
    return code


def _how(namespace: str, name: str) -> str:
    return (
        f"The job continues. Its log: kubectl -n {namespace} logs -f job/{name}   State: kubectl -n {namespace} "
        f"get rayjob {name}   End it: kubectl -n {namespace} delete rayjob {name}"
    )
