"""What is installed with one value set or overlay can be changed into any other: fixed fields stay."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.charts.render import CHART, Object, key, render
from control.lint.manifests.objects.tree import dig
from tests.charts.chart import SETS, objects, value_set

OVERLAYS = ("local", "staging", "production")
FIXED = {
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeMode", "spec.volumeName"),
    "Deployment": ("spec.selector",),
    "Service": ("spec.clusterIP",),
    "Job": ("spec.template", "spec.selector", "spec.completionMode"),
    "RoleBinding": ("roleRef",),
    "PriorityClass": ("value", "preemptionPolicy"),
    "Secret": ("type",),
    "StorageClass": ("provisioner", "parameters"),
}
"""Kind -> fields that the API server does not let change."""
KNOWN = {
    *("CronJob", "CiliumNetworkPolicy", "GRPCRoute", "HTTPRoute", "HorizontalPodAutoscaler", "InferenceService"),
    *("Namespace", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "RayCronJob", "RayJob"),
    *("RayService", "Role", "Rollout", "ScaledObject", "ServiceAccount", "ServiceMonitor", "ServingRuntime"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Certificate", "Gateway"),
    *("ConfigMap", "Ingress"),
}
"""Kinds without such fields."""


@cache
def overlay(name: str) -> dict[tuple[str, str], Object]:
    folder = CHART.parents[1] / "k8s" / "overlays" / name
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=True)
    return {key(item): item for item in yaml.safe_load_all(done.stdout)}


def changed(before: dict[tuple[str, str], Object], after: dict[tuple[str, str], Object]) -> list[str]:
    """The fields of objects of both that would be refused. Helm's hooks are deleted before they are made again."""
    found = []
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        if "helm.sh/hook" in old["metadata"].get("annotations", {}):
            continue
        found += [f"{name} {at}" for at in FIXED.get(name[0], ()) if dig(old, at) != dig(new, at)]
        if name[0] == "PersistentVolumeClaim":
            sizes = [int(dig(item, "spec.resources.requests.storage").removesuffix("Gi")) for item in (old, new)]
            found += [f"{name} shrinks"] if sizes[1] < sizes[0] else []
    return found


def test_every_kind_is_known_here() -> None:
    kinds = {kind for name in SETS for kind, _ in objects(value_set(name))}
    kinds |= {kind for name in OVERLAYS for kind, _ in overlay(name)}
    assert kinds <= FIXED.keys() | KNOWN


@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(SETS, 2)])
def test_a_value_set_can_follow_any_other(before: str, after: str) -> None:
    """But for the claim, which the chart keeps as it is in the cluster: the test after the next."""
    found = changed(objects(value_set(before)), objects(value_set(after)))
    assert [one for one in found if "PersistentVolumeClaim" not in one] == []


@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(OVERLAYS, 2)])
def test_an_overlay_can_follow_any_other(before: str, after: str) -> None:
    found = changed(overlay(before), overlay(after))
    # Only smaller overlays after larger ones: docs/kubernetes.md says what to do.
    shrinks = [one for one in found if one.endswith("shrinks")]
    assert [one for one in found if one not in shrinks] == []
    assert bool(shrinks) == ((before, after) == ("production", "staging"))


def claim(size: str, **more: str) -> dict[str, Any]:
    return {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}, **more}}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, (["ReadWriteOnce"], "fast", "5Gi")),
        (claim("20Gi", storageClassName="nfs"), (["ReadWriteMany"], "nfs", "20Gi")),
        (claim("512Mi"), (["ReadWriteMany"], "fast", "5Gi")),
        (claim("21474836480"), (["ReadWriteMany"], "fast", "21474836480")),
    ],
)
def test_a_claim_that_is_there_stays_as_it_is(
    there: dict[str, Any], expected: tuple[Any, ...], tmp_path: Path
) -> None:
    """Helm looks the claim up in the cluster; here, a file is the cluster."""
    chart = tmp_path / "slipway"
    shutil.copytree(CHART, chart)
    template = chart / "templates" / "persistentvolumeclaim.yaml"
    call = '(lookup "v1" "PersistentVolumeClaim" .Release.Namespace (include "slipway.claim" .))'
    assert call in template.read_text()
    template.write_text(template.read_text().replace(call, '(fromYaml (.Files.Get "there.yaml"))'))
    (chart / "there.yaml").write_text(yaml.safe_dump(there))
    values = {"modelRepository": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "size": "5Gi"}}
    (found,) = (item["spec"] for item in render(values, chart) if item["kind"] == "PersistentVolumeClaim")
    assert (found["accessModes"], found["storageClassName"], found["resources"]["requests"]["storage"]) == expected
