from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from control.errors import ManifestError
from control.lint.manifests.render import render
from control.lint.manifests.targets import Target, of_path

DATA = Path(__file__).parent / "data"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "chart", tmp_path / "other-name"))


def test_a_chart_is_rendered_by_helm() -> None:
    made = render(of_path(DATA / "chart")[0])
    assert made.findings == [] and not made.written
    objects = {Path(file).name: yaml.safe_load(text) for file, text in made.texts}
    assert objects["deployment.yaml"]["metadata"]["name"] == "slipway"
    assert objects["service.yaml"]["kind"] == "Service"
    assert all(Path(file).name == "other" or "data/chart/templates/" in file for file, _ in made.texts)


def test_a_template_that_fails_is_named_with_its_line(chart: Path) -> None:
    template = chart / "templates" / "service.yaml"
    template.write_text(template.read_text().replace("{{ .Release.Name }}", "{{ .Values.a.b }}"))
    (finding,) = render(Target("chart", chart)).findings
    assert (finding.id, finding.line) == ("SLW903", 4)
    assert finding.file.endswith("other-name/templates/service.yaml")
    assert "service.yaml:4" in finding.message


def test_values_against_their_schema(chart: Path) -> None:
    values = chart / "ci" / "bad-values.yaml"
    values.write_text("prot: 8080\n")
    (finding,) = render(Target("chart", chart, values)).findings
    assert finding.id == "SLW903" and "prot" in finding.message


@pytest.mark.parametrize(
    ("text", "id"),
    [("a: [", "SLW001"), ("- a\n", "SLW903"), ("port: 1\nport: 2\n", "SLW002"), ("a: 1\n---\nb: 2\n", "SLW903")],
)
def test_values_that_are_no_mapping(chart: Path, text: str, id: str) -> None:
    values = chart / "ci" / "bad-values.yaml"
    values.write_text(text)
    (finding,) = render(Target("chart", chart, values)).findings
    assert finding.id == id and finding.file.endswith("bad-values.yaml")


def test_helms_own_lint_is_heard(chart: Path) -> None:
    (chart / "Chart.yaml").write_text((DATA / "chart" / "Chart.yaml").read_text().replace("0.1.0", "one"))
    assert {finding.id for finding in render(Target("chart", chart)).findings} <= {"SLW903", "SLW904"}
    assert render(Target("chart", chart)).findings


def test_a_kustomization_is_built_by_kubectl() -> None:
    made = render(Target("kustomization", DATA / "kustomize" / "overlay"))
    ((_, text),) = made.texts
    assert made.findings == [] and "example.org/small:1.0" in text


def test_a_kustomization_that_does_not_build(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nothing.yaml]\n")
    (finding,) = render(Target("kustomization", tmp_path)).findings
    assert finding.id == "SLW905" and "nothing.yaml" in finding.message


def test_without_kubectl_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="brew install kubectl"):
        render(Target("kustomization", DATA / "kustomize" / "overlay"))


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: ü\n")
    assert render(Target("files", path, files=(path,))).texts == [(str(path), "a: ü\n")]
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ManifestError, match="UTF-8"):
        render(Target("files", path, files=(path,)))


def test_what_is_declared_beside_the_objects(chart: Path, tmp_path: Path) -> None:
    values = chart / "ci" / "more-values.yaml"
    values.write_text("# slipway.dev/external: secret/a\nport: 8081\n")
    assert render(Target("chart", chart, values)).external == {"secret/a"}
    (tmp_path / "kustomization.yaml").write_text("# slipway.dev/external: secret/b\nresources: []\n")
    (tmp_path / "c.yaml").write_text("# slipway.dev/external: secret/c\n")
    assert render(Target("kustomization", tmp_path)).external == {"secret/b"}
    assert render(Target("files", tmp_path / "c.yaml", files=(tmp_path / "c.yaml",))).external == {"secret/c"}
