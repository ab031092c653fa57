"""Examples for Argo CD and Flux, and the workflow that publishes what they install."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.charts.render import CHART, render

VERSION = str(yaml.safe_load((CHART / "Chart.yaml").read_text())["version"])


def documents(root: Path, name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((root / "k8s" / "gitops" / name).read_text()))


def test_argo_cd_installs_this_chart(root: Path) -> None:
    (application,) = documents(root, "argocd.yaml")
    source = application["spec"]["source"]
    assert (source["chart"], source["targetRevision"]) == ("slipway", VERSION)
    values = source["helm"]["valuesObject"]
    found = render(
        values, name=source["helm"]["releaseName"], namespace=application["spec"]["destination"]["namespace"]
    )
    ignored = {one["kind"] for one in application["spec"]["ignoreDifferences"]}
    assert ignored <= {item["kind"] for item in found}
    assert "RespectIgnoreDifferences=true" in application["spec"]["syncPolicy"]["syncOptions"]


def test_flux_installs_this_chart_and_does_not_wait(root: Path) -> None:
    source, release = documents(root, "flux.yaml")
    assert source["spec"]["ref"]["tag"] == VERSION
    assert release["spec"]["chartRef"] == {"kind": source["kind"], "name": source["metadata"]["name"]}
    assert render(release["spec"]["values"], name=release["spec"]["releaseName"])
    assert release["spec"]["install"]["disableWait"] and release["spec"]["upgrade"]["disableWait"]
    (identity,) = source["spec"]["verify"]["matchOIDCIdentity"]
    assert re.search(
        identity["subject"], "https://github.com/example/slipway/.github/workflows/publish.yaml@refs/tags/v1.2.3"
    )


@pytest.fixture
def workflow(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / ".github" / "workflows" / "publish.yaml").read_text())
    return found


def test_every_image_of_the_chart_is_published_with_its_provenance(workflow: dict[str, Any], root: Path) -> None:
    images = workflow["jobs"]["images"]
    repositories = yaml.safe_load((CHART / "values.yaml").read_text())["image"]
    named = {one["repository"].removeprefix("slipway/") for one in repositories.values() if isinstance(one, dict)}
    assert set(images["strategy"]["matrix"]["target"]) == named
    dockerfile = (root / "images" / "Dockerfile").read_text()
    assert all(re.search(rf"^FROM .* AS {target}$", dockerfile, re.M) for target in named)
    (build,) = (step["with"] for step in images["steps"] if "build-push" in step.get("uses", ""))
    assert (build["provenance"], build["sbom"], build["push"]) == ("mode=max", True, True)
    assert (root / build["file"]).is_file()


def test_what_is_published_is_attested_by_its_digest(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}, "each job asks for what it needs"
    for job in workflow["jobs"].values():
        rights = {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"}
        assert job["permissions"] == rights
        (attest,) = (step["with"] for step in job["steps"] if "attest-build-provenance" in step.get("uses", ""))
        output = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.digest \}\}", attest["subject-digest"])
        assert output and output[1] in {step.get("id") for step in job["steps"]}
        assert attest["push-to-registry"] is True
    assert workflow["jobs"]["chart"]["needs"] == "images", "a chart never names images that are not there"


def test_texts_of_events_are_never_part_of_a_script(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])
