from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from control.charts.groups import GROUP, by_group, differences, kustomization, references
from control.charts.render import Object
from control.yaml_text import dump

SERVE_CONFIG = "applications:\n  - name: slipway\n    # One for each pod.\n"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab~/", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3),
)


def patched(document: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902 as far as `differences` uses it."""
    whole = {"document": document}
    for operation in operations:
        *parents, last = [name.replace("~1", "/").replace("~0", "~") for name in operation["path"].split("/")[1:]]
        here: Any = whole["document"]
        for name in parents:
            here = here[int(name)] if isinstance(here, list) else here[name]
        at: Any = int(last) if isinstance(here, list) else last
        if operation["op"] == "remove":
            del here[at]
        else:
            assert (operation["op"] == "add") == (isinstance(here, dict) and at not in here)
            here[at] = operation["value"]
    return whole["document"]


def service(group: str, **more: Any) -> Object:
    labels = {"app": "slipway", GROUP: group}
    metadata = {"name": f"slipway-{group}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, **more}}


def ray_service(group: str, image: str = "slipway/gateway:1", **more: Any) -> Object:
    containers = [{"name": "ray-worker", "image": image, "env": [{"name": "SLIPWAY_APPS", "value": group}]}]
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": f"slipway-{group}", "labels": {GROUP: group}},
        "spec": {"serveConfigV2": SERVE_CONFIG, "template": {"spec": {"containers": containers}}, **more},
    }


@given(st.dictionaries(st.text("ab~/", max_size=2), VALUES), st.dictionaries(st.text("ab~/", max_size=2), VALUES))
def test_the_operations_turn_one_document_into_the_other(old: Any, new: Any) -> None:
    before = yaml.safe_load(yaml.safe_dump(old))
    operations = list(differences(old, new))
    assert old == before, "the documents must not be changed"
    after = patched(before, operations)
    assert repr(sort(after)) == repr(sort(new))  # 1 is not True here
    assert bool(operations) == (repr(sort(old)) != repr(sort(new)))


def sort(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sort(value[name]) for name in sorted(value)}
    return [sort(each) for each in value] if isinstance(value, list) else value


def test_objects_are_assigned_to_their_groups() -> None:
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "slipway-ray", "labels": {}}}
    items = [policy, service("a"), service("b"), ray_service("a"), ray_service("b")]
    common, groups = by_group(items)
    assert common == [policy]
    assert groups == {"a": [service("a"), ray_service("a")], "b": [service("b"), ray_service("b")]}


def test_kustomize_makes_the_same_objects(tmp_path: Path) -> None:
    """The containers keep their images, an image that differs is changed, and a text of several lines is kept."""
    originals = [service("a", sessionAffinity="None"), ray_service("a", suspend=False)]
    config = SERVE_CONFIG + "    runtime_env: {}\n"
    wanted = [service("b", ports=[{"port": 80}]), ray_service("b", image="other:2", serveConfigV2=config)]
    for name, text in {
        "a/objects.yaml": "---\n".join(dump(item, 1000) for item in originals),
        "a/kustomization.yaml": "resources: [objects.yaml]\n",
        "b/kustomization.yaml": kustomization("b", wanted, "a", originals),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(["kubectl", "kustomize", tmp_path / "b"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert list(yaml.safe_load_all(done.stdout)) == wanted


def test_a_group_refers_to_the_first_of_the_same_kinds() -> None:
    """Such as a group with a disruption budget: it is not a patch of a group without one."""
    budget = {"kind": "PodDisruptionBudget", "metadata": {"name": "slipway-b"}}
    groups = {name: [service(name), ray_service(name)] for name in "abcd"}
    groups["b"].append(budget)
    groups["d"].append(budget)
    assert references(groups) == {"a": "a", "b": "b", "c": "a", "d": "b"}
