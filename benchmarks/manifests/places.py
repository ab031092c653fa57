"""Objects of the good manifests, and places in them."""

from __future__ import annotations

from benchmarks.manifests.edit import Change, Mutation

__all__ = ["Row", "family"]

GATEWAY, SERVICE, HPA, PDB = (
    "Deployment/gateway",
    "Service/gateway",
    "HorizontalPodAutoscaler/gateway",
    "PodDisruptionBudget/gateway",
)
POLICY, INGRESS, RULES, MONITOR = (
    "NetworkPolicy/gateway",
    "Ingress/gateway",
    "PrometheusRule/gateway",
    "ServiceMonitor/gateway",
)
RAY, JOB, CLUSTER = "RayService/price", "RayJob/train-price", "RayCluster/notebook"
TRITON, ELASTIC, RUNTIME = "InferenceService/triton", "InferenceService/elastic", "ServingRuntime/slipway-triton"
POD = "spec template spec"
BOX = f"{POD} containers 0"
RAYS = "spec rayClusterConfig"
HEAD = f"{RAYS} headGroupSpec template spec containers 0"
GROUP = f"{RAYS} workerGroupSpecs 0"
WORKER = f"{GROUP} template spec containers 0"
MODE = "metadata annotations serving.kserve.io/deploymentMode"
CLASS = "metadata annotations serving.kserve.io/autoscalerClass"
PREDICTOR = "spec predictor"
LIST = "spec groups 0 rules"

Row = tuple[str, str, str, Change]
"""What is broken, where, the rule that must find it, how."""


def family(name: str, rows: list[Row]) -> list[Mutation]:
    """The rows of one family."""
    return [Mutation(name, breaks, target, rule, change) for breaks, target, rule, change in rows]
