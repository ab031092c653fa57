"""What KubeRay, KServe and Kubernetes create from the chart's objects: a stand-in, because none of them runs here.

The facts are those of the operators' sources. KubeRay 1.4 and later, ray-operator/controllers/ray/common:
`pod.go` (labelPod, DefaultHeadPodTemplate, DefaultWorkerPodTemplate, BuildPod, BuildAutoscalerContainer,
initLivenessAndReadinessProbe), `service.go` (BuildServiceForHeadPod, BuildHeadServiceForRayService,
BuildServeService, getServicePorts), `rbac.go` and `job.go`. KServe 0.15 and later: components/predictor.go (the
containers of the runtime), reconcilers/deployment, reconcilers/service (createDefaultSvc), utils/storage.go
(AddModelPvcMount). In Standard mode, KServe makes no Service of the InferenceService's own name (only its
IngressReconciler, for Knative, does), so the chart may.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.charts.render import Object
from tests.charts.operators.network import Pod

__all__ = ["Made", "Service", "make"]

METRICS, DASHBOARD, GCS, AGENT, SERVE = 8080, 8265, 6379, 52365, 8000
"""KubeRay's default ports."""
KUBERAY = {"app.kubernetes.io/name": "kuberay", "app.kubernetes.io/created-by": "kuberay-operator"}
FIXED = ("ray.io/node-type", "ray.io/group", "ray.io/cluster")
"""Labels of a pod that its template cannot change."""
SERVES = "ray.io/serve"
WORKLOADS = {"Deployment": ("spec", "template"), "Job": ("spec", "template")}


@dataclass(frozen=True)
class Service:
    """A Service: port number -> the number or the name of the target port."""

    name: str
    selector: Mapping[str, str]
    ports: Mapping[int, int | str]
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""


@dataclass
class Made:
    """Everything that runs or is reached."""

    pods: list[Pod] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Pod's name -> its whole spec."""

    def add(self, name: str, labels: Mapping[str, str], spec: dict[str, Any]) -> None:
        """Add a pod."""
        self.pods.append(Pod(name, dict(labels), containers=tuple(spec["containers"])))
        self.specs[name] = spec

    def of(self, part: str, **labels: str) -> list[Pod]:
        """The pods of a part of the release; labels are named without their prefix."""
        wanted = {f"slipway.dev/{key}": value for key, value in {"part": part, **labels}.items()}
        return [pod for pod in self.pods if wanted.items() <= pod.labels.items()]

    def behind(self, service: Service) -> list[Pod]:
        """The pods that a Service selects."""
        return [pod for pod in self.pods if service.selector.items() <= pod.labels.items()]


def make(items: Iterable[Object]) -> Made:
    """The pods and Services of all objects of a release."""
    listed = copy.deepcopy(list(items))
    found = Made()
    runtimes = {item["metadata"]["name"]: item for item in listed if item["kind"] == "ServingRuntime"}
    for item in listed:
        name, kind = item["metadata"]["name"], item["kind"]
        if kind == "Service":
            ports = {port["port"]: port.get("targetPort", port["port"]) for port in item["spec"]["ports"]}
            found.services.append(Service(name, item["spec"]["selector"], ports, item["metadata"]["labels"]))
        elif kind in WORKLOADS:
            template = item["spec"]["template"]
            found.add(name, template["metadata"]["labels"], template["spec"])
        elif kind == "CronJob":
            template = item["spec"]["jobTemplate"]["spec"]["template"]
            found.add(name, template["metadata"]["labels"], template["spec"])
        elif kind == "Pod":
            found.add(name, item["metadata"]["labels"], item["spec"])
        elif kind == "RayService":
            _ray_service(found, name, item["spec"])
        elif kind in ("RayJob", "RayCronJob"):
            spec = item["spec"] if kind == "RayJob" else item["spec"]["jobTemplate"]
            _ray_job(found, name, spec)
        elif kind == "InferenceService":
            _inference_service(found, item, runtimes)
    return found


def _ray_service(found: Made, name: str, spec: dict[str, Any]) -> None:
    cluster = f"{name}-x7k2p"
    _ray_cluster(found, cluster, spec["rayClusterConfig"], serves=True)
    head = spec["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    ports = _service_ports(head)
    # Unlike that of the cluster, this Service takes no name of the application from the template.
    selector = {**KUBERAY, **_head_labels(cluster)}
    found.services.append(Service(f"{name}-head-svc", selector, ports, owner=name))
    serve = {port: target for port, target in ports.items() if port == _named(head, "serve", SERVE)}
    serving = {"ray.io/cluster": cluster, SERVES: "true"}
    found.services.append(Service(f"{name}-serve-svc", serving, serve, owner=name))


def _ray_job(found: Made, name: str, spec: dict[str, Any]) -> None:
    _ray_cluster(found, f"{name}-q4m9z", spec["rayClusterSpec"], serves=False)
    if spec.get("submissionMode", "K8sJobMode") == "K8sJobMode":
        template = spec["submitterPodTemplate"]
        found.add(f"{name}-submitter", template["metadata"]["labels"], template["spec"])


def _ray_cluster(found: Made, cluster: str, spec: dict[str, Any], serves: bool) -> None:
    group = spec["headGroupSpec"]
    template = group["template"]
    head = template["spec"]["containers"][0]
    scales = spec.get("enableInTreeAutoscaling", False)
    if scales:
        template["spec"]["containers"].append(_autoscaler(head, spec.get("autoscalerOptions", {})))
        if spec.get("autoscalerOptions", {}).get("version") == "v2":
            template["spec"]["restartPolicy"] = "Never"
    labels = _ray_labels(cluster, "head", "headgroup", template["metadata"].get("labels", {}))
    given = template["metadata"].get("labels", {}).get("app.kubernetes.io/name")
    _complete(head, group)
    found.add(f"{cluster}-head", {**labels, **({SERVES: "false"} if serves else {})}, template["spec"])
    selector = {**KUBERAY, **_head_labels(cluster), **({"app.kubernetes.io/name": given} if given else {})}
    found.services.append(Service(f"{cluster}-head-svc", selector, _service_ports(head), owner=cluster))
    for worker in spec.get("workerGroupSpecs", ()):
        template = worker["template"]
        container = template["spec"]["containers"][0]
        _complete(container, worker)
        template["spec"].setdefault("initContainers", []).append(_waiting(container))
        labels = _ray_labels(cluster, "worker", worker["groupName"], template["metadata"].get("labels", {}))
        name = f"{cluster}-{worker['groupName']}-worker"
        found.add(name, {**labels, **({SERVES: "true"} if serves else {})}, template["spec"])


def _head_labels(cluster: str) -> dict[str, str]:
    return {"ray.io/cluster": cluster, "ray.io/node-type": "head", "ray.io/identifier": f"{cluster}-head"}


def _ray_labels(cluster: str, node: str, group: str, given: Mapping[str, str]) -> dict[str, str]:
    own = {
        **KUBERAY,
        "ray.io/is-ray-node": "yes",
        "ray.io/cluster": cluster,
        "ray.io/node-type": node,
        "ray.io/group": group,
        "ray.io/identifier": f"{cluster}-{node}",
    }
    return own | {key: value for key, value in given.items() if key not in FIXED}


def _complete(container: dict[str, Any], group: Mapping[str, Any]) -> None:
    """Add the port of the metrics, the probes where there are none, and where Ray's metrics are."""
    ports = container.setdefault("ports", [])
    if "metrics" not in {port["name"] for port in ports}:
        ports.append({"name": "metrics", "containerPort": METRICS})
    container["x-metrics"] = int(group.get("rayStartParams", {}).get("metrics-export-port", METRICS))
    for probe in ("livenessProbe", "readinessProbe"):
        # By wget, which an image may lack.
        container.setdefault(probe, {"exec": {"command": ["bash", "-c", "wget ... | grep success"]}})


def _autoscaler(head: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    half = {"cpu": "500m", "memory": "512Mi"}
    return {
        "name": "autoscaler",
        "image": options.get("image", head["image"]),
        "imagePullPolicy": options.get("imagePullPolicy", "IfNotPresent"),
        "command": ["/bin/bash", "-lc", "--"],
        "args": ["ray kuberay-autoscaler ..."],
        "env": [*options.get("env", ())],
        "resources": options.get("resources", {"requests": half, "limits": half}),
        "volumeMounts": [*options.get("volumeMounts", ()), {"name": "ray-logs", "mountPath": "/tmp/ray"}],
        **({"securityContext": options["securityContext"]} if "securityContext" in options else {}),
    }


def _waiting(worker: Mapping[str, Any]) -> dict[str, Any]:
    """The init container that waits for the head."""
    amount = {"cpu": "200m", "memory": "256Mi"}
    kept = ("image", "imagePullPolicy", "securityContext", "env", "volumeMounts")
    return {
        "name": "wait-gcs-ready",
        "resources": {"requests": amount, "limits": amount},
        **{key: worker[key] for key in kept if key in worker},
    }


def _service_ports(head: Mapping[str, Any]) -> dict[int, int | str]:
    """KubeRay's Services have the ports of the head's container, by number, and one for metrics."""
    numbers = [port["containerPort"] for port in head.get("ports", ())]
    return {number: number for number in numbers} or {port: port for port in (GCS, DASHBOARD, SERVE, METRICS)}


def _named(container: Mapping[str, Any], name: str, default: int) -> int:
    numbers = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
    return int(numbers.get(name, default))


def _inference_service(found: Made, item: Object, runtimes: Mapping[str, Object]) -> None:
    """KServe in Standard mode: a Deployment and a Service for each component."""
    predictor = item["spec"]["predictor"]
    runtime = runtimes[predictor["model"]["runtime"]]["spec"]
    (main,) = (one for one in runtime["containers"] if one["name"] == "kserve-container")
    rest = [one for one in runtime["containers"] if one is not main]
    claim = predictor["model"]["storageUri"].removeprefix("pvc://").partition("/")[0]
    main = {**main, "resources": predictor["model"].get("resources", main["resources"])}
    mounts = [*main["volumeMounts"], {"name": "kserve-pvc-source", "mountPath": "/mnt/models", "readOnly": True}]
    source = {"name": "kserve-pvc-source", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    kept = set(predictor) - {"model", "labels", "annotations", "minReplicas", "maxReplicas"}
    spec = {
        **{key: predictor[key] for key in sorted(kept)},
        "containers": [{**main, "volumeMounts": mounts}, *rest],
        "volumes": [*runtime["volumes"], source],
    }
    name = f"{item['metadata']['name']}-predictor"
    labels = {
        **item["metadata"]["labels"],
        "app": f"isvc.{name}",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": item["metadata"]["name"],
        **predictor.get("labels", {}),
    }
    found.add(name, labels, spec)
    first, *others = list(_ports(main))
    ports: dict[int, int | str] = {80: first, **{port: port for port in others}}
    found.services.append(Service(name, {"app": f"isvc.{name}"}, ports, owner=item["metadata"]["name"]))


def _ports(container: Mapping[str, Any]) -> Iterator[int]:
    for port in container.get("ports", ()):
        yield port["containerPort"]
