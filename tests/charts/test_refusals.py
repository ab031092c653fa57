"""Values of the right type that an API server or an operator would refuse: the chart names them and says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.charts.render import CHART, ChartError, render


def schedule(line: str) -> dict[str, Any]:
    return {"repositorySync": {"schedule": line}}


def block(cidr: str, *outside: str, **more: Any) -> dict[str, Any]:
    return {"networkPolicies": {"clients": [{"ipBlock": {"cidr": cidr, "except": list(outside)}, **more}]}}


def taint(**fields: Any) -> dict[str, Any]:
    return {"gateway": {"tolerations": [fields]}}


def peers(*path: str, cidr: str) -> dict[str, Any]:
    """Peers of a kind, with a block of addresses; after the path, what the block excludes."""
    keys = [part for part in path if part.isalpha()]
    found: Any = [{"ipBlock": {"cidr": cidr, "except": [part for part in path if part not in keys]}}]
    for name in reversed(keys):
        found = {name: found}
    return {"networkPolicies": found}


def cilium(ports: dict[str, Any], **hosts: list[str]) -> dict[str, Any]:
    return {"networkPolicies": {"fqdns": {"provider": "cilium", **hosts}, **ports}}


def from_field(**fields: str) -> dict[str, Any]:
    return {"extraEnv": [{"name": "A", "valueFrom": {"fieldRef": fields}}]}


def node_affinity(kind: str, **fields: Any) -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{kind: [fields]}]}}}}


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
EMPTY = {"key": "app", "operator": "In", "values": []}
SCHEDULES = {
    "* * * *": "has 4 fields; a schedule has 5",
    "0 3 * * * *": "has 6 fields; a schedule has 5",
    "60 * * * *": 'has the field "60" for the minute, which is from 0 to 59',
    "0 24 * * *": "for the hour",
    "0 0 0 * *": "for the day of the month, which is from 1 to 31",
    "0 0 1 13 *": "for the month",
    "0 0 * * 7": "for the day of the week, which is from 0 to 6",
    "0 0 * * MOO": "which cannot be read",
    "*/0 * * * *": "which cannot be read",
    "5-2 * * * *": "for the minute",
    "@sometimes": "is none of @yearly",
    "CRON_TZ=UTC 0 3 * * *": "must not name a time zone",
}


@pytest.mark.parametrize(("line", "said"), SCHEDULES.items())
def test_a_schedule_is_a_cron_line(line: str, said: str) -> None:
    refuse(schedule(line), f'repositorySync.schedule: "{line}" {said}' if said[0] in "hi" else said)


def test_the_schedule_of_a_training_is_one_too() -> None:
    job = {"app": "price", "schedule": "0 3 * *"}
    values = {"training": {"jobs": {"j": job}}, "mlflow": {"url": "http://mlflow:5000"}}
    refuse(values, 'training.jobs.j.schedule: "0 3 * *" has 4 fields')


def test_good_schedules_pass() -> None:
    lines = ("0 3 * * *", "*/10 1,5-9/2 ? JAN-MAR,12 sun", "@every 1h30m", "@daily", " 0  3 * * 1 ")
    jobs = {f"j{number}": {"app": "price", "schedule": line} for number, line in enumerate(lines)}
    assert render({"training": {"jobs": jobs}, "mlflow": {"url": "http://mlflow:5000"}, **schedule("")})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            block("10.0.0.0"),
            'networkPolicies.clients[0].ipBlock.cidr: "10.0.0.0" must be a block of addresses with a mask',
        ),
        (block("10.0.0.300/8"), "must be a block of addresses"),
        (block("10.0.0.0/33"), "must be a block of addresses"),
        (block("10.1.0.0/8"), "must begin with the first address of its block"),
        (block("2001:db8::1::/64"), "must be a block of addresses"),
        (block("10.0.0.0/8", "11.0.0.0/16"), 'except: "11.0.0.0/16" must lie within 10.0.0.0/8 and be smaller'),
        (block("10.0.0.0/8", "10.0.0.0/8"), "must lie within"),
        (block("10.0.0.0/8", podSelector={}), "cannot be combined with a selector"),
        ({"networkPolicies": {"clients": [{}]}}, "clients"),
        ({"networkPolicies": {"clients": [{"ipBlock": {}}]}}, "cidr"),
        ({"networkPolicies": {"clients": [{"podSelector": {"app": "x"}}]}}, "app"),
        ({"networkPolicies": {"monitoringNamespace": "Monitoring"}}, "must be the name of a namespace"),
        ({"routes": {"host": "slipway.example.com:443"}}, "routes.host: "),
        ({"routes": {"host": "https://slipway.example.com"}}, "without a scheme, a port or a path"),
        ({"routes": {"host": "10.0.0.1"}}, "no address"),
        ({"routes": {"host": "Slipway.example.com"}}, "must be a host name"),
        ({"routes": {"grpcHost": "*.example.com"}}, 'routes.grpcHost: "*.example.com" must be a host name'),
        ({"routes": {"enabled": True, "host": "*.example.com"}}, "contains the hosts below routes.grpcHost"),
        ({"ingress": {"host": "slipway.example.com/v1"}}, "ingress.host"),
        (
            {"modelRepository": {"storageClassName": "Fast"}},
            'modelRepository.storageClassName: "Fast" must be the name',
        ),
        ({"modelRepository": {"existingClaim": "my_claim"}}, "modelRepository.existingClaim"),
        ({"modelRepository": {"size": "0Gi"}}, "size"),
        ({"modelRepository": {"accessModes": ["ReadWriteMany", "ReadWriteMany"]}}, "accessModes"),
        ({"modelRepository": {"accessModes": ["ReadWriteOncePod"]}}, "use ReadWriteOnce"),
        ({"priority": {"serving": "High_Prio"}}, 'priority.serving: "High_Prio" must be the name'),
        ({"secrets": {"storage": "My Keys"}}, "secrets.storage"),
        ({"secrets": {"database": {"name": "Database"}}}, "secrets.database.name"),
        ({"secrets": {"database": {"name": "x", "key": "a key"}}}, "key"),
        ({"image": {"pullSecrets": ["Registry"]}}, "image.pullSecrets"),
        ({"imagePullSecrets": [{"name": "Registry"}]}, "imagePullSecrets"),
        ({"imagePullSecrets": ["registry"]}, "imagePullSecrets"),
        ({"serviceAccount": {"name": "My_Account"}}, "serviceAccount.name"),
        ({"rbac": {"trainers": [{"kind": "ServiceAccount", "name": "CI"}]}}, "rbac.trainers (CI)"),
        ({"commonLabels": {"team": "a team"}}, "team"),
        ({"commonLabels": {"-team": "a"}}, "commonLabels"),
        (
            {"commonLabels": {"app.kubernetes.io/name": "x"}},
            "the label app.kubernetes.io/name is set by the chart",
        ),
        ({"podLabels": {"ray.io/cluster": "x"}}, "podLabels: the label ray.io/cluster"),
        ({"gateway": {"nodeSelector": {"pool": "a b"}}}, "pool"),
        (
            taint(operator="Exists", key="a", value="b"),
            "gateway.tolerations[0]: the operator Exists takes no value",
        ),
        (taint(value="b"), "without a key"),
        (taint(key="a", operator="Exists", tolerationSeconds=5), "requires the effect NoExecute"),
        ({"groups": {"price": {"gpu": {"tolerations": [{"value": "x"}]}}}}, "groups.price.gpu.tolerations[0]"),
        ({"groups": {"price": {"gpu": {"resource": "kubernetes.io/gpu"}}}}, "resource"),
        ({"groups": {"price": {"replicas": {"max": 3_000_000_000}}}}, "max"),
        ({"groups": {"price": {"apps": ["a b"]}}}, "apps"),
        ({"training": {"ttlSeconds": 3_000_000_000}}, "ttlSeconds"),
        ({"ray": {"version": "2.51.0"}}, "ray.auth: token requires ray.version 2.52.0 or later, not 2.51.0"),
        ({"extraEnv": [{"name": "SLIPWAY_APPS", "value": "x"}]}, "extraEnv: SLIPWAY_APPS is set by the chart"),
        ({"extraEnv": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}, "extraEnv: A is given twice"),
        ({"extraEnv": [{"name": "A"}]}, "extraEnv: A must have either value or valueFrom"),
        ({"extraEnv": [{"name": "A", "value": 1}]}, "extraEnv"),
        ({"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}, "extraVolumes: the name tmp is taken"),
        ({"extraVolumes": [{"name": "a"}]}, "extraVolumes: a must have one source"),
        ({"extraVolumes": [{"name": "a", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"extraVolumeMounts": [{"name": "a", "mountPath": "/a"}]}, "extraVolumes has no volume a"),
        ({"podSecurityContext": {"runAsUser": 0}}, "runAsUser"),
        ({"podSecurityContext": {"privileged": True}}, "privileged"),
        ({"serviceAcount": {}}, "serviceAcount"),
        ({"affinity": {"nodes": {}}}, "nodes"),
        (
            {"affinity": {"podAffinity": {PREFERRED: [{"weight": 0, "podAffinityTerm": {"topologyKey": "a"}}]}}},
            "weight",
        ),
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": {}}]}}}, "topologyKey"),
        ({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}}, "nodeSelectorTerms"),
        ({"networkPolicies": {"clients": [{"podSelector": {"matchExpressions": [EMPTY]}}]}}, "values"),
        ({"extraVolumes": [{"name": "a", "secret": {"name": "b"}}]}, "secretName"),
        ({"extraEnv": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b"}}}]}, "key"),
        ({"ingress": {"tls": [{"hosts": ["a.example.com:443"]}]}}, "/ingress/tls/0/hosts/0"),
        ({"ingress": {"hosts": []}}, "hosts"),
        ({"groupPerApp": False, "ingress": {"enabled": True}}, "ingress.enabled: there is no group"),
        (
            {"groups": {"a": {"apps": ["price"], "canary": {"weight": 5}}, "a-canary": {"apps": ["fraud"]}}},
            "its objects would have the name slipway-a-canary",
        ),
        (
            {"groups": {"triton": {"apps": ["price"]}}, "triton": {"enabled": True}},
            "as those of triton.enabled have; rename the group",
        ),
        (peers("egress", "databases", cidr="10.0.0.0"), "networkPolicies.egress.databases[0].ipBlock.cidr"),
        (peers("egress", "dns", cidr="10.1.0.0/8"), "must begin with the first address of its block"),
        (peers("egress", "dns", cidr="2001:db8::1/64"), "must begin with the first address of its block"),
        (peers("egress", "dns", cidr="1:2:3:4:5:6:7:8::/64"), "must be a block of addresses"),
        (peers("egress", "dns", "2001:db9::/64", cidr="2001:DB8::/32"), "must lie within 2001:DB8::/32"),
        (peers("egress", "dns", "10.0.0.0/8", cidr="::/0"), "must lie within ::/0"),
        (peers("mlflowClients", cidr="1.2.3.4/40"), "networkPolicies.mlflowClients[0].ipBlock.cidr"),
        ({"networkPolicies": {"egress": {"dns": [{"podSelector": {"app": "x"}}]}}}, "app"),
        ({"networkPolicies": {"fqdns": {"storage": ["s3.a.com"]}}}, "fqdns.storage needs networkPolicies.fqdns"),
        ({"networkPolicies": {"fqdns": {"storage": ["s3..com"]}}}, "/networkPolicies/fqdns/storage/0"),
        ({"groups": {"price": {"settings": {"SLIPWAY_TRITON_URL": "triton"}}}}, "must be host:port"),
        ({"groups": {"price": {"settings": {"SLIPWAY_TRITON_URL": "a:99999"}}}}, "must be from 1 to 65535"),
        (
            cilium(storage=["a.b"], ports={"storagePorts": []}),
            "networkPolicies.fqdns.storage: this release has no",
        ),
        (cilium(storage=["a.b"], ports={"dnsPorts": []}), "networkPolicies.dnsPorts"),
        (cilium(triton=["a.b"], ports={}), "networkPolicies.fqdns.triton: this release has no traffic"),
        (
            {"routes": {"enabled": True, "host": "shared.g.example.com", "grpcHost": "g.example.com"}},
            "routes.host: shared.g.example.com is the host of the gRPC calls of the group shared",
        ),
        (
            {"ingress": {"enabled": True, "host": "shared.g.example.com", "grpcHost": "g.example.com"}},
            "ingress.host: shared.g.example.com is the host",
        ),
        (
            {
                "fullnameOverride": "f" * 18,
                "mlflow": {"url": "http://mlflow"},
                "training": {"jobs": {"j" * 18: {"app": "price", "schedule": "@daily"}}},
            },
            "must have at most 36 characters, because KubeRay adds the time to it",
        ),
        ({"ray": {"redis": "redis:99999"}}, 'ray.redis: the port in "redis:99999"'),
        ({"mlflow": {"url": "http://mlflow:70000"}}, 'mlflow.url: the port in "mlflow:70000"'),
        ({"mlflow": {"url": "http://ml flow"}}, "/mlflow/url"),
        ({"mlflow": {"url": "http://mlflow", "enabled": True}}, "set either mlflow.enabled or mlflow.url"),
        ({"repositorySync": {"source": "s3:models"}}, "/repositorySync/source"),
        ({"ray": {"incremental": {"maxSurgePercent": 5}}}, "stepSizePercent: 10 must not exceed maxSurgePercent"),
        ({"groupDefaults": {"apps": ["price"]}}, "groupDefaults.apps"),
        ({"modelRepository": {"accessModes": ["ReadOnlyMany"]}}, "nothing could fill the claim"),
        (
            {"training": {"bootstrap": {"enabled": True, "apps": ["nope"]}}},
            'bootstrap.apps: there is no app "nope"',
        ),
        (
            {"groups": {"triton-predictor": {"apps": ["price"]}}, "triton": {"enabled": True}},
            "groups.triton-predictor: its objects would have the name slipway-triton-predictor",
        ),
        (
            {"groups": {"price": {"runtime": "ray"}, "price-head-svc": {"apps": ["fraud"]}}},
            "slipway-price-head-svc, as those of groups.price have",
        ),
        ({"metrics": {"interval": "0s"}}, "/metrics/interval"),
        ({"metrics": {"runbooks": "https://a/b #c"}}, "/metrics/runbooks"),
        ({"triton": {"models": ["a: b"]}}, "/triton/models/0"),
        ({"image": {"registry": "a b"}}, "/image/registry"),
        ({"image": {"gateway": {"repository": "slipway/gateway:1.0"}}}, "/image/gateway/repository"),
        ({"groups": {"price": {"resources": {"cpu": "0"}}}}, "/groups/price/resources/cpu"),
        ({"groups": {"price": {"resources": {"memory": "0.0Gi"}}}}, "/groups/price/resources/memory"),
        ({"commonLabels": {"a..b/c": "x"}}, "a..b/c"),
        ({"gateway": {"tolerations": [{"key": "a.-b/c", "operator": "Exists"}]}}, "key"),
        (from_field(fieldPath="status.phase"), "fieldPath"),
        (
            {"extraEnv": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.gold"}}}]},
            "resource",
        ),
        ({"extraVolumes": [{"name": "a", "csi": {"drivr": "x"}}]}, "drivr"),
        ({"extraVolumes": [{"name": "a", "ephemeral": {}}]}, "volumeClaimTemplate"),
        ({"extraVolumes": [{"name": "a", "downwardAPI": {"items": [{"path": "x"}]}}]}, "fieldRef"),
        ({"extraVolumes": [{"name": "a", "projected": {"source": []}}]}, "source"),
        (
            {"extraVolumes": [{"name": "a", "configMap": {"name": "b", "items": [{"key": "c", "path": "../d"}]}}]},
            "path",
        ),
        (node_affinity("matchExpressions", key="a", operator="Gt", values=["many"]), "values/0"),
        (node_affinity("matchFields", key="metadata.namespace", operator="In", values=["a"]), "metadata.name"),
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "a b"}]}}}, "topologyKey"),
        (
            {"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "a", "matchLabelKeys": ["b"]}]}}},
            "labelSelector",
        ),
        ({"modelRepository": {"images": [{"repository": "slipway/price"}]}}, "modelRepository.images[0].tag"),
        (
            {"modelRepository": {"images": [{"repository": "a/b", "tag": "1"}]}, "triton": {"enabled": True}},
            "triton.enabled needs the claim; modelRepository.images replaces it",
        ),
        (
            {
                "modelRepository": {"images": [{"repository": "a/b", "tag": "1"}]},
                "training": {"bootstrap": {"enabled": True}},
            },
            "training.bootstrap needs the claim",
        ),
    ],
)
def test_what_a_server_refuses_is_refused_before(values: dict[str, Any], said: str) -> None:
    refuse(values, said)


@pytest.mark.parametrize(
    "values",
    [
        {**block("0.0.0.0/0", "10.0.0.0/8"), "auth": {"open": True}},
        {**block("2001:db8::/32"), "auth": {"open": True}},
        {"routes": {"enabled": True, "host": "*.example.org"}, "auth": {"open": True}},
        taint(operator="Exists"),
        taint(key="a", operator="Exists", effect="NoExecute", tolerationSeconds=5),
        {"groups": {"price": {"resources": {"cpu": 0.5}}}, "ray": {"head": {"cpu": 2}}},
        {"podSecurityContext": {"supplementalGroups": [2000], "fsGroup": None}},
        peers("egress", "dns", "2001:db8:1::/48", cidr="2001:DB8::/32"),
        {
            **from_field(fieldPath="metadata.annotations['a.b/C']"),
            **node_affinity("matchExpressions", key="example.com/cores", operator="Gt", values=["16"]),
            "extraVolumes": [
                {"name": "a", "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"b": "c"}}},
                {
                    "name": "b",
                    "downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.labels"}}]},
                },
                {"name": "c", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            ],
            "image": {"registry": "localhost:5000/a__b", "gateway": {"repository": "Reg.example.com/a--b/c"}},
        },
    ],
)
def test_what_a_server_accepts_passes(values: dict[str, Any]) -> None:
    assert render(values)


def test_no_value_may_be_null_except_the_users_of_pods() -> None:
    """Helm takes a null for a value that is absent, and templates would fail or write `<nil>`."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path, keys in sections(values):
        if path != ("podSecurityContext",):
            assert keys <= required_of(schema, path), path
    refuse({"gateway": {"httpPort": None}}, "at '/gateway': missing property 'httpPort'")
    refuse({"groupDefaults": {"gpu": {"resource": None}}}, "at '/groupDefaults/gpu': missing property 'resource'")


def sections(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    if isinstance(values, dict) and values:
        yield path, set(values)
        for name, inner in values.items():
            yield from sections(inner, (*path, name))


def required_of(schema: dict[str, Any], path: tuple[str, ...]) -> set[str]:
    here = [schema]
    for name in path:
        found = [each["properties"][name] for each in here if name in each.get("properties", {})]
        here = [part for each in found for part in (each, *each.get("allOf", ()))]
    return {name for each in here for name in each.get("required", ())}


def test_memory_is_a_whole_number_of_bytes() -> None:
    """An API server warns of 1.1Gi."""
    (found,) = (
        item for item in render({"groups": {"all": {"resources": {"memory": "1.1Gi"}}}}) if is_gateway(item)
    )
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "1127Mi"


def is_gateway(item: dict[str, Any]) -> bool:
    return bool(item["kind"] == "Deployment")


def test_a_priority_class_that_the_cluster_lacks_is_refused(tmp_path: Path) -> None:
    """Without a cluster, `lookup` finds nothing: here a template says what it would find."""
    chart = tmp_path / "slipway"
    shutil.copytree(CHART, chart)
    known = '"path" "priority.serving" "known" (list "high" "low")'
    for name, said in (("high", ""), ("urgent", 'priority.serving: the cluster has no PriorityClass "urgent"')):
        text = f'{{{{ include "slipway.checkClass" (dict {known} "name" "{name}") }}}}'
        (chart / "templates" / "more.yaml").write_text(text)
        if said:
            with pytest.raises(ChartError) as refusal:
                render({}, chart)
            assert said in str(refusal.value) and "it has: high, low" in str(refusal.value)
        else:
            assert render({}, chart)


def refuse(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError) as refusal:
        render(values)
    assert said in " ".join(str(refusal.value).split())
