from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from control.errors import ManifestError
from control.lint.manifests.targets import of_path, of_repository

DATA = Path(__file__).parent / "data"


def kinds(path: Path) -> list[tuple[str, str]]:
    return [(target.kind, target.path.name) for target in of_path(path)]


def test_a_chart_is_linted_with_each_value_set() -> None:
    own, latest = of_path(DATA / "chart")
    assert own.label.endswith("data/chart with its own values")
    assert latest.label.endswith("data/chart with ci/latest-values.yaml")


def test_paths_of_every_kind(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "all")
    (tmp_path / "all" / "plain.yaml").write_text("a: 1\n")
    (tmp_path / "all" / "skaffold.yaml").write_text("apiVersion: skaffold/v4beta13\nkind: Config\n")
    component = tmp_path / "all" / "component"
    component.mkdir()
    (component / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    )
    assert kinds(DATA / "kustomize" / "overlay" / "kustomization.yaml") == [("kustomization", "overlay")]
    assert kinds(tmp_path / "all" / "plain.yaml") == [("files", "plain.yaml")]
    assert kinds(tmp_path / "all" / "skaffold.yaml") == [("skaffold", "skaffold.yaml")]
    assert kinds(tmp_path / "all")[:2] == [("files", "all"), ("skaffold", "skaffold.yaml")]
    assert sorted(kinds(tmp_path / "all")[2:]) == [
        ("chart", "chart"),
        ("chart", "chart"),
        ("kustomization", "base"),
        ("kustomization", "overlay"),
    ]


def test_a_repository_is_all_it_ships(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="give a PATH"):
        of_repository(tmp_path)
    shutil.copytree(DATA / "chart", tmp_path / "charts" / "small")
    shutil.copytree(DATA / "kustomize" / "base", tmp_path / "k8s" / "overlays" / "local")
    (tmp_path / "kustomization.yaml").write_text("resources: [k8s/overlays/local]\n")
    (tmp_path / "skaffold.yaml").write_text("apiVersion: skaffold/v4beta13\n")
    found = [(target.kind, target.path.name) for target in of_repository(tmp_path)]
    assert found == [
        ("chart", "small"),
        ("chart", "small"),
        ("kustomization", "local"),
        ("kustomization", tmp_path.name),
        ("skaffold", "skaffold.yaml"),
    ]


def test_what_is_not_there_is_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"nowhere does not exist; give a file"):
        of_path(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match=r"there is no YAML below"):
        of_path(tmp_path)
