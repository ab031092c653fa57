"""What each object takes alone and is wrong together: selectors, ports, scaling, references."""

from __future__ import annotations

from benchmarks.manifests.edit import append, both, drop, put
from benchmarks.manifests.places import (
    BOX,
    GATEWAY,
    HPA,
    INGRESS,
    MONITOR,
    PDB,
    POD,
    POLICY,
    PREDICTOR,
    RAY,
    RAYS,
    SERVICE,
    TRITON,
    family,
)

GRPC = "GRPCRoute/price"
WORKERS = {"ray.io/node-type": "worker"}
JOB_PODS = {"app.kubernetes.io/name": "migrate"}
NETWORK = family(
    "network",
    [
        (
            "a selector unlike the labels",
            GATEWAY,
            "SLW301",
            put("spec selector matchLabels app.kubernetes.io/name", "gate"),
        ),
        (
            "labels of the pods were renamed",
            GATEWAY,
            "SLW301",
            put("spec template metadata labels", {"app": "gateway"}),
        ),
        ("a Rollout's selector", "Rollout/web", "SLW301", put("spec selector matchLabels", {"app": "web"})),
        ("a Service that selects nothing", SERVICE, "SLW302", put("spec selector app.kubernetes.io/name", "gate")),
        (
            "a Service of no RayService",
            "Service/price",
            "SLW302",
            put("spec selector ray.io/originated-from-cr-name", "prices"),
        ),
        ("targetPort htpp", SERVICE, "SLW303", put("spec ports 0 targetPort", "htpp")),
        ("targetPort 70000", SERVICE, "SLW212", put("spec ports 1 targetPort", 70000)),
        (
            "nodePort 8080",
            SERVICE,
            "SLW311",
            both(put("spec type", "NodePort"), put("spec ports 1 nodePort", 8080)),
        ),
        ("targetPort of a Ray pod", "Service/price", "SLW303", put("spec ports 0 targetPort", "web")),
        (
            "a probe of a port that is not there",
            GATEWAY,
            "SLW303",
            put(f"{BOX} livenessProbe httpGet port", "web"),
        ),
        (
            "a policy that selects nothing",
            POLICY,
            "SLW304",
            put("spec podSelector matchLabels app.kubernetes.io/name", "gate"),
        ),
        (
            "a policy for peers that are not there",
            POLICY,
            "SLW305",
            put("spec ingress 0 from 0 podSelector matchLabels app.kubernetes.io/name", "fronts"),
        ),
        ("a policy for a port that is not there", POLICY, "SLW305", put("spec ingress 0 ports 0 port", "web")),
        ("policyTypes In", POLICY, "SLW204", put("spec policyTypes", ["In"])),
        ("a path without a slash", INGRESS, "SLW306", put("spec rules 0 http paths 0 path", "v2")),
        ("pathType Regex", INGRESS, "SLW204", put("spec rules 0 http paths 0 pathType", "Regex")),
        (
            "an Ingress to no Service",
            INGRESS,
            "SLW307",
            put("spec rules 0 http paths 0 backend service name", "gatway"),
        ),
        (
            "an Ingress to no port",
            INGRESS,
            "SLW307",
            put("spec rules 0 http paths 0 backend service port name", "web"),
        ),
        ("a route to no Service", "HTTPRoute/price", "SLW307", put("spec rules 0 backendRefs 0 name", "gatway")),
        ("a route to no port", "HTTPRoute/price", "SLW307", put("spec rules 0 backendRefs 0 port", 8080)),
        ("a gRPC route to no port", GRPC, "SLW307", put("spec rules 0 backendRefs 0 port", 8081)),
        (
            "a monitor that selects nothing",
            MONITOR,
            "SLW308",
            put("spec selector matchLabels app.kubernetes.io/name", "gate"),
        ),
        ("a monitor of no port", MONITOR, "SLW308", put("spec endpoints 0 port", "metrics")),
        (
            "all weights zero",
            "HTTPRoute/price",
            "SLW309",
            both(put("spec rules 0 backendRefs 0 weight", 0), put("spec rules 0 backendRefs 1 weight", 0)),
        ),
        ("a gRPC route on an HTTP route's host", GRPC, "SLW310", put("spec hostnames", ["models.example.org"])),
        ("a gRPC route on all hosts", GRPC, "SLW310", drop("spec hostnames")),
        ("a gRPC route on an HTTP route's domain", GRPC, "SLW310", put("spec hostnames", ["*.example.org"])),
    ],
)

SCALING = family(
    "scaling",
    [
        ("min above max", HPA, "SLW401", put("spec minReplicas", 11)),
        ("min zero", HPA, "SLW401", put("spec minReplicas", 0)),
        ("a ScaledObject's min above its max", "ScaledObject/front", "SLW401", put("spec minReplicaCount", 9)),
        ("an InferenceService's min above its max", TRITON, "SLW401", put(f"{PREDICTOR} minReplicas", 5)),
        ("a target that is not there", HPA, "SLW402", put("spec scaleTargetRef name", "gate")),
        ("a target of another kind", HPA, "SLW402", put("spec scaleTargetRef kind", "StatefulSet")),
        ("a target of another group", HPA, "SLW402", put("spec scaleTargetRef apiVersion", "extensions/v1beta1")),
        (
            "a ScaledObject without a target",
            "ScaledObject/front",
            "SLW402",
            put("spec scaleTargetRef name", "fronts"),
        ),
        (
            "two autoscalers for one target",
            "ScaledObject/front",
            "SLW403",
            put("spec scaleTargetRef", {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}),
        ),
        ("utilization without requests", HPA, "SLW404", put("spec metrics 0 resource name", "ephemeral-storage")),
        ("fixed replicas", GATEWAY, "SLW405", put("spec replicas", 3)),
        ("both fields of a budget", PDB, "SLW406", put("spec minAvailable", 1)),
        ("neither field of a budget", PDB, "SLW406", drop("spec maxUnavailable")),
        ("a budget of no pod", PDB, "SLW407", put("spec selector matchLabels app.kubernetes.io/name", "gate")),
        ("a budget that lets nothing go", PDB, "SLW408", put("spec maxUnavailable", 0)),
        ("a metric without its block", HPA, "SLW409", put("spec metrics 0 type", "External")),
        ("a target without its value", HPA, "SLW409", drop("spec metrics 1 pods target averageValue")),
        ("a budget of Ray's pods", PDB, "SLW410", put("spec selector matchLabels", WORKERS)),
        (
            "a budget of a share of Ray's pods",
            PDB,
            "SLW410",
            put("spec", {"minAvailable": "50%", "selector": {"matchLabels": WORKERS}}),
        ),
        ("a budget of a Job's pods", PDB, "SLW410", put("spec selector matchLabels", JOB_PODS)),
        ("metric type Custom", HPA, "SLW204", put("spec metrics 1 type", "Custom")),
        ("selectPolicy Least", HPA, "SLW204", put("spec behavior scaleDown selectPolicy", "Least")),
        ("averageValue many", HPA, "SLW203", put("spec metrics 1 pods target averageValue", "many")),
    ],
)

REFERENCES = family(
    "reference",
    [
        ("a Secret that is not there", GATEWAY, "SLW501", put(f"{BOX} env 1 valueFrom secretKeyRef name", "db")),
        (
            "a ConfigMap that is not there",
            GATEWAY,
            "SLW501",
            put(f"{BOX} envFrom 0 configMapRef name", "settings"),
        ),
        ("a volume of no ConfigMap", GATEWAY, "SLW501", put(f"{POD} volumes 2 configMap name", "settings")),
        (
            "a volume of no Secret",
            GATEWAY,
            "SLW501",
            append(f"{POD} volumes", {"name": "s", "secret": {"secretName": "s"}}),
        ),
        (
            "pull secrets that are not there",
            GATEWAY,
            "SLW501",
            put(f"{POD} imagePullSecrets", [{"name": "registry"}]),
        ),
        ("a certificate that is not declared", INGRESS, "SLW501", drop("metadata annotations")),
        ("a key the Secret has not", GATEWAY, "SLW502", put(f"{BOX} env 1 valueFrom secretKeyRef key", "url")),
        (
            "a key the ConfigMap has not",
            GATEWAY,
            "SLW502",
            put(f"{BOX} env 0 valueFrom configMapKeyRef key", "level"),
        ),
        (
            "a file the ConfigMap has not",
            GATEWAY,
            "SLW502",
            put(f"{POD} volumes 2 configMap items 0 key", "level"),
        ),
        ("an account that is not there", GATEWAY, "SLW503", put(f"{POD} serviceAccountName", "gate")),
        (
            "an account that is not there, for Ray",
            RAY,
            "SLW503",
            put(f"{RAYS} headGroupSpec template spec serviceAccountName", "ray"),
        ),
        (
            "a claim that is not there",
            GATEWAY,
            "SLW504",
            put(f"{POD} volumes 0 persistentVolumeClaim claimName", "model"),
        ),
        ("a binding of no role", "RoleBinding/gateway", "SLW505", put("roleRef name", "gate")),
        ("a binding of no account", "RoleBinding/gateway", "SLW505", put("subjects 0 name", "gate")),
        ("a group with its version", "Role/gateway", "SLW507", put("rules 0 apiGroups", ["v1"])),
        ("a kind in place of a resource", "Role/gateway", "SLW507", put("rules 0 resources", ["ConfigMap"])),
        ("a class that is not there", GATEWAY, "SLW506", put(f"{POD} priorityClassName", "high")),
    ],
)
