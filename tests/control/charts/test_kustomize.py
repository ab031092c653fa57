from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.charts.groups import by_group, gateway_patches, references
from control.charts.kustomize import (
    COMPONENTS,
    EACH,
    NOTE,
    ONE,
    SYNC,
    Component,
    added,
    base,
    files,
    generated,
    texts,
)
from control.charts.render import ChartError, key, render
from serving.kernel.find_app import find_apps

OVERLAYS = ("local", "staging", "production")
GATEWAYS = ("Deployment", "RayService")


def built(folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder."""
    assert shutil.which("kubectl"), "kubectl is not installed: its `kustomize` builds the overlays"
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def write(folder: Path, root: Path, components: list[str]) -> Path:
    """A kustomization of the base and some components."""
    above = os.path.relpath(root / "k8s", folder.resolve())
    text = {"resources": [f"{above}/base"], "components": [f"{above}/components/{name}" for name in components]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return folder


def test_the_files_are_current(root: Path) -> None:
    found = texts()
    for name, text in found.items():
        assert (root / "k8s" / name).read_text() == text, f"{name} is out of date: run `python -m control.charts`"
    left_over = generated(root / "k8s") - {root / "k8s" / name for name in found}
    assert not left_over, "files of an earlier run: run `python -m control.charts`"


def test_files_of_an_earlier_run_are_found(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "objects.yaml").write_text(NOTE + "kind: Service\n")
    (tmp_path / "namespace.yaml").write_text("kind: Namespace\n")
    assert generated(tmp_path) == {tmp_path / "gone" / "objects.yaml"}


def test_an_app_like_another_is_a_short_list_of_patches(root: Path) -> None:
    folder = root / "k8s" / "components" / "apps"
    _, groups = by_group(added(COMPONENTS["apps"]))
    assert set(groups) == {app.name for app in find_apps()}
    for name, reference in references(groups).items():
        assert (folder / name / "objects.yaml").exists() == (name == reference)
        assert len((folder / name / "kustomization.yaml").read_text().splitlines()) <= 70, name


def test_groups_that_differ_in_their_objects_are_the_chart_too(tmp_path: Path) -> None:
    """Groups with a disruption budget, with models on GPUs, and one without Ray."""
    first, second, third, *_ = (app.name for app in find_apps())
    groups = {
        first: {"replicas": {"min": 2}},
        second: {"backend": "replica", "gpu": {"count": 1}},
        third: {"runtime": "process"},
    }
    component = Component(values={**EACH, "groups": groups}, patched=True)
    folder = tmp_path / "apps"
    for name, text in files(component).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "kustomization.yaml").write_text("components: [apps]\n")
    wanted = {key(item): item for item in added(component)}
    assert {key(item): item for item in built(tmp_path)} == wanted


def test_the_base_and_apps_are_the_chart_as_it_is(tmp_path: Path, root: Path) -> None:
    found = {key(item): item for item in built(write(tmp_path, root, ["apps"])) if item["kind"] != "Namespace"}
    hooks = [item for item in render(EACH) if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    assert found == {key(item): item for item in render(EACH) if item not in hooks}


def test_base_and_components_overlap_in_nothing() -> None:
    common = {key(item) for item in base()}
    for name, component in COMPONENTS.items():
        objects = added(component)
        assert objects, name
        assert not common & {key(item) for item in objects}, name


def test_a_component_that_would_change_an_object_is_refused() -> None:
    with pytest.raises(ChartError, match="changes PersistentVolumeClaim slipway-models; it may only add"):
        added(Component(values={"modelRepository": {"size": "1Gi"}}, over={}))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_build_and_keep_their_images(overlay: str, root: Path) -> None:
    items = built(root / "k8s" / "overlays" / overlay)
    assert any(containers(item) for item in items)
    for item in items:
        assert item["kind"] == "Namespace" or item["metadata"].get("namespace", "slipway") == "slipway"
        for container in containers(item):
            assert container.get("image"), f"{key(item)}: {container['name']} has lost its image"
            assert container["image"].rpartition(":")[2] not in ("", "latest")
    names = [key(item) for item in items]
    assert len(names) == len(set(names))


def test_gateways_of_overlays_with_routes_ask_who_calls(tmp_path: Path, root: Path) -> None:
    for overlay in ("staging", "production"):
        text = (root / "k8s" / "overlays" / overlay / "kustomization.yaml").read_text()
        assert "components/routes" not in text and "components/canary" not in text or "components/keys" in text
    both = built(write(tmp_path, root, ["apps", "one", "sync", "keys"]))
    gateways = [item for item in both if item["kind"] in GATEWAYS]
    own = [item for item in gateways if item["metadata"]["labels"].get("slipway.dev/part") == "gateway"]
    assert own
    for item in own:
        for container in containers(item):
            if container["name"] != "repository":
                assert {"name": "SLIPWAY_KEY_FOLDER", "value": "/etc/slipway/keys"} in container["env"]
                assert "keys" in {mount["name"] for mount in container["volumeMounts"]}


def test_the_root_is_the_overlay_local(root: Path) -> None:
    assert built(root) == built(root / "k8s" / "overlays" / "local")


def test_images_are_pinned_in_one_place(tmp_path: Path, root: Path) -> None:
    pins = yaml.safe_load((root / "k8s" / "components" / "images" / "kustomization.yaml").read_text())["images"]
    everything = [*COMPONENTS, "images"]
    everything.remove("canary")  # has routes of its own
    found = {
        container["image"] for item in built(write(tmp_path, root, everything)) for container in containers(item)
    }
    assert found == {f"{pin['name']}:{pin['newTag']}" for pin in pins}


def test_triton_is_known_to_gateways_where_it_runs(tmp_path: Path, root: Path) -> None:
    for item in built(write(tmp_path, root, ["apps", "one", "gpu"])):
        for container in containers(item):
            if item["kind"] in ("RayService", "Deployment"):
                assert {"name": "SLIPWAY_TRITON_URL", "value": "slipway-triton:8001"} in container["env"]


def test_a_reserved_gpu_has_a_model_that_gateways_ask(root: Path) -> None:
    items = built(root / "k8s" / "overlays" / "production")
    (runtime,) = (item for item in items if item["kind"] == "ServingRuntime")
    assert "nvidia.com/gpu" in runtime["spec"]["containers"][0]["resources"]["limits"]
    on_gpu = {word.partition("=")[2] for word in runtime["spec"]["containers"][1]["args"] if "--on-gpu=" in word}
    asking = {
        item["metadata"]["labels"]["slipway.dev/group"]
        for item in items
        if item["kind"] == "RayService"
        and all({"name": "SLIPWAY_BACKEND", "value": "triton"} in one["env"] for one in containers(item))
    }
    assert asking == on_gpu == {"matching"}


def containers(item: Any) -> list[dict[str, Any]]:
    if isinstance(item, list):
        return [found for inner in item for found in containers(inner)]
    if not isinstance(item, dict):
        return []
    own = item.get("containers")
    found = own if isinstance(own, list) else []
    return [*found, *(each for name, inner in item.items() if name != "containers" for each in containers(inner))]


def test_any_gateway_copies_a_bucket_before_it_starts(tmp_path: Path, root: Path) -> None:
    found = {key(item): item for item in built(write(tmp_path, root, ["apps", "one", "sync"]))}
    wanted = {**EACH, **SYNC}, {**ONE, **SYNC}
    for values in wanted:
        for item in render(values):
            if "helm.sh/hook" not in item["metadata"].get("annotations", {}):
                assert found[key(item)] == item, key(item)


def test_a_component_that_would_change_more_than_gateways_is_refused() -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "models", "labels": {}}}
    with pytest.raises(ChartError, match="changes PersistentVolumeClaim models; it may only change gateways"):
        gateway_patches([(claim, {**claim, "spec": {}})])
