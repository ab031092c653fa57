from __future__ import annotations

from pathlib import Path

import pytest

from control.lint.manifests.skaffold import check

GOOD = """\
apiVersion: skaffold/v4beta13
kind: Config
metadata:
  name: slipway
build:
  artifacts:
    - image: slipway/gateway
      context: .
      docker:
        dockerfile: images/gateway/Dockerfile
manifests:
  kustomize:
    paths: [k8s]
profiles:
  - name: gpu
    manifests:
      helm:
        releases:
          - name: slipway
            chartPath: charts/slipway
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for folder in ("k8s", "charts/slipway", "images/gateway"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "images/gateway/Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "skaffold.yaml").write_text(GOOD)
    return tmp_path


def found(place: Path, schemas: Path | None = None) -> list[tuple[str, str, int]]:
    return [(f.id, f.field, f.line) for f in check(place / "skaffold.yaml", schemas)]


def test_a_good_file(place: Path, schemas: Path) -> None:
    assert found(place, schemas) == []


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("paths: [k8s]", "paths: [k9s]", "manifests.kustomize.paths[0]"),
        ("charts/slipway", "charts/slipways", "profiles[0].manifests.helm.releases[0].chartPath"),
        ("gateway/Dockerfile", "gateway/Containerfile", "build.artifacts[0].docker.dockerfile"),
        ("context: .", "context: nowhere", "build.artifacts[0].context"),
    ],
)
def test_paths_must_be_there(place: Path, old: str, new: str, field: str) -> None:
    (place / "skaffold.yaml").write_text(GOOD.replace(old, new))
    assert ("SLW902", field) in [(id, at) for id, at, _ in found(place)]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("dockerfile:", "dockerFile:", "build.artifacts[0].docker"),
        ("artifacts:", "artifact:", "build"),
        ("name: gpu", "nam: gpu", "profiles[0]"),
        ("v4beta13", "v2beta29", "apiVersion"),
    ],
)
def test_the_schema_is_held(place: Path, schemas: Path, old: str, new: str, field: str) -> None:
    (place / "skaffold.yaml").write_text(GOOD.replace(old, new))
    assert ("SLW901", field) in [(id, at) for id, at, _ in found(place, schemas)]


def test_what_is_no_yaml(place: Path) -> None:
    (place / "skaffold.yaml").write_text("build: [\n")
    assert [id for id, _, _ in found(place)] == ["SLW001"]
