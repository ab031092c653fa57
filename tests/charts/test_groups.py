"""Which groups there are, and what they take from the apps' values."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import yaml

from control.charts.render import key, render
from serving.kernel.app_values import Replicas, Slo, Values, load_values, most_demanding
from serving.kernel.find_app import find_apps
from tests.charts.chart import ALL, CHART, EACH, OPEN, of_kind, variables

APPS = {app.name: load_values(app.folder) for app in find_apps()}


def test_small_apps_share_a_deployment() -> None:
    (deployment,) = of_kind({}, "Deployment").values()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert variables(container)["SLIPWAY_APPS"].split(",") == sorted(APPS)
    assert of_kind({}, "RayService") == {}
    fields = {"replicas": {"max": 9}, "resources": {"memory": "6Gi"}}
    (scaler,) = of_kind({"groups": {"shared": fields}}, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["maxReplicas"] == 9


def test_the_others_have_a_group_of_their_own(tmp_path: Path) -> None:
    chart = tmp_path / "slipway"
    shutil.copytree(CHART, chart)
    apps = yaml.safe_load((chart / "apps.yaml").read_text())["apps"]
    first, second, third, *rest = sorted(apps)
    apps[first]["resources"]["gpus"] = 1.0
    apps[second]["backend"] = "replica"
    apps[third]["backend"] = "triton"
    (chart / "apps.yaml").write_text(yaml.safe_dump({"apps": apps}))
    values = {"triton": {"enabled": True}, "groups": {rest[0]: {}}}
    found = {key(item): item for item in render(values, chart)}
    assert {name for kind, name in found if kind == "RayService"} == {f"slipway-{first}", f"slipway-{second}"}
    deployments = {name for kind, name in found if kind == "Deployment"}
    assert deployments == {"slipway-shared", f"slipway-{third}", f"slipway-{rest[0]}"}
    pod = found["Deployment", "slipway-shared"]["spec"]["template"]["spec"]
    assert variables(pod["containers"][0])["SLIPWAY_APPS"].split(",") == rest[1:]


def test_every_app_may_have_a_group_of_its_own() -> None:
    services = of_kind(EACH, "RayService")
    assert set(services) == {f"slipway-{name}" for name in APPS}
    for name, values in APPS.items():
        group = services[f"slipway-{name}"]["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
        container = group["template"]["spec"]["containers"][0]
        assert variables(container)["SLIPWAY_APPS"] == name
        assert (group["minReplicas"], group["maxReplicas"]) == (values.replicas.min, values.replicas.max)
        assert float(container["resources"]["limits"]["cpu"]) == values.resources.cpus


def test_a_new_app_has_all_of_it_without_a_template(tmp_path: Path) -> None:
    chart = tmp_path / "slipway"
    shutil.copytree(CHART, chart)
    apps = yaml.safe_load((chart / "apps.yaml").read_text())
    apps["apps"]["rain_fall"] = msgspec.to_builtins(Values(replicas=Replicas(min=2, max=7), slo=Slo(p99_ms=70)))
    (chart / "apps.yaml").write_text(yaml.safe_dump(apps))
    values = {"metrics": {"rules": True}, "groupPerApp": True, "routes": {"enabled": True}, **OPEN}
    found = {key(item): item["spec"] for item in render(values, chart) if "spec" in item}
    scaler = found["HorizontalPodAutoscaler", "slipway-rain-fall"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 7)
    assert {"Deployment", "Service", "HTTPRoute"} <= {kind for kind, name in found if name == "slipway-rain-fall"}
    (rules,) = (one["rules"] for one in found["PrometheusRule", "slipway"]["groups"] if "rain_fall" in one["name"])
    assert any(rule["expr"].endswith("> 0.07") for rule in rules)


def test_a_group_of_all_has_what_the_most_demanding_needs() -> None:
    (service,) = of_kind(ALL, "RayService").values()
    group = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    shared = most_demanding(values.replicas for values in APPS.values())
    assert (group["minReplicas"], group["maxReplicas"]) == (shared.min, shared.max)
    assert variables(group["template"]["spec"]["containers"][0])["SLIPWAY_APPS"] == ""


def test_apps_that_no_group_names_may_stay_out() -> None:
    values = {**EACH, "groupPerApp": False, "groups": {"pair": {"apps": sorted(APPS)[:2]}}}
    assert set(of_kind(values, "RayService")) == {"slipway-pair"}


def test_memory_grows_with_the_apps() -> None:
    one = {"groupPerApp": False, "groups": {"g": {"runtime": "process", "apps": sorted(APPS)[:1]}}}
    two = {"groupPerApp": False, "groups": {"g": {"runtime": "process", "apps": sorted(APPS)[:2]}}}
    sizes = []
    for values in (one, two):
        (deployment,) = of_kind(values, "Deployment").values()
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        sizes.append(int(container["resources"]["limits"]["memory"].removesuffix("Mi")))
    assert sizes == [1024 + 512, 2 * 1024 + 512]


def test_an_app_elsewhere_is_served_too() -> None:
    values = {**EACH, "groupPerApp": False, "groups": {"own": {"apps": ["team.apps.rainfall"]}}}
    (service,) = of_kind(values, "RayService").values()
    group = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    assert variables(group["template"]["spec"]["containers"][0])["SLIPWAY_APPS"] == "team.apps.rainfall"


def test_a_canary_is_a_track_of_its_own() -> None:
    name = sorted(APPS)[0]
    canary = {"weight": 10, "replicas": 2, "image": {"tag": "0.2.0"}}
    services = of_kind({**EACH, "groups": {name: {"canary": canary}}}, "RayService")
    workers = services[f"slipway-{name}-canary"]["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    assert workers["minReplicas"] == 2
    assert workers["template"]["spec"]["containers"][0]["image"] == "slipway/gateway:0.2.0"
    stable = services[f"slipway-{name}"]["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    assert stable["template"]["spec"]["containers"][0]["image"] == "slipway/gateway:0.1.0"
    selectors = [
        item["spec"]["selector"]
        for item in of_kind({**EACH, "groups": {name: {"canary": canary}}}, "Service").values()
    ]
    assert len({tuple(sorted(selector.items())) for selector in selectors}) == len(selectors)
