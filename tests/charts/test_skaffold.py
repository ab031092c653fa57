"""skaffold.yaml: by its schema, and what it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.chart import CHART, of_kind
from tests.platform.dockerfile import gateway_sources


@pytest.fixture
def skaffold(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "skaffold.yaml").read_text())
    return found


def test_the_schema_accepts_it(skaffold: dict[str, Any], schemas: Path) -> None:
    from jsonschema import Draft7Validator

    version = skaffold["apiVersion"].removeprefix("skaffold/")
    schema = json.loads((schemas / "skaffold" / f"{version}.schema.json").read_text())
    assert [error.json_path for error in Draft7Validator(schema).iter_errors(skaffold)] == []


def test_what_it_names_is_there(skaffold: dict[str, Any], root: Path) -> None:
    (release,) = skaffold["manifests"]["helm"]["releases"]
    patched = [
        patch["value"]
        for profile in skaffold["profiles"]
        for patch in profile.get("patches", [])
        if "value" in patch and "setValueTemplates" not in patch["path"]
    ]
    paths = [release["chartPath"], *release["valuesFiles"]]
    paths += [value for value in patched if isinstance(value, str)]
    paths += [path for value in patched if isinstance(value, dict) for path in value.get("paths", [])]
    assert len(paths) == 4
    assert [path for path in paths if not (root / path).exists()] == []
    for artifact in skaffold["build"]["artifacts"]:
        target = artifact["image"].removeprefix("slipway/")
        assert artifact["docker"]["target"] == target
        assert re.search(
            rf"^FROM .* AS {target}$", (root / artifact["docker"]["dockerfile"]).read_text(), re.MULTILINE
        )
        for rule in artifact.get("sync", {}).get("manual", []):
            assert any(root.glob(rule["src"])), rule


def test_changed_sources_of_the_gateway_are_synced(skaffold: dict[str, Any], root: Path) -> None:
    (gateway,) = (one for one in skaffold["build"]["artifacts"] if one["image"] == "slipway/gateway")
    synced = {path for rule in gateway["sync"]["manual"] for path in root.glob(rule["src"])}
    assert {path for path in gateway_sources(root) if path.suffix == ".py"} <= synced


def test_every_image_of_the_gpu_pools_is_one_that_was_built(skaffold: dict[str, Any], root: Path) -> None:
    (profile,) = (one for one in skaffold["profiles"] if one["name"] == "gpu")
    (values,) = (patch["value"] for patch in profile["patches"] if patch["path"].endswith("valuesFiles/0"))
    groups = yaml.safe_load((root / values).read_text())["groups"]
    set_here = {patch["path"].rpartition("/")[2] for patch in profile["patches"]}
    assert {f"groups.{name}.image.tag" for name, group in groups.items() if "image" in group} <= set_here


def test_images_are_those_of_the_chart(skaffold: dict[str, Any]) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["image"]
    names = {one["repository"] for one in values.values() if isinstance(one, dict)}
    assert {artifact["image"] for artifact in skaffold["build"]["artifacts"]} == names


def test_forwarded_ports_are_the_services(skaffold: dict[str, Any]) -> None:
    (release,) = skaffold["manifests"]["helm"]["releases"]
    services = of_kind(yaml.safe_load((CHART.parents[1] / release["valuesFiles"][0]).read_text()), "Service")
    for forward in skaffold["portForward"]:
        ports = {port["port"] for port in services[forward["resourceName"]]["spec"]["ports"]}
        assert forward["port"] in ports


def test_versions_are_the_projects(root: Path) -> None:
    import tomllib

    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    images = yaml.safe_load((root / "k8s" / "components" / "images" / "kustomization.yaml").read_text())["images"]
    assert str(chart["appVersion"]) == version
    assert {image["newTag"] for image in images if image["name"].startswith("slipway/")} == {version}
