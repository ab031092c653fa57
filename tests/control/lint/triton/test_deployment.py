"""The chart, its values and the published configurations fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import TritonLintError
from control.lint.triton.deployment import Deployment, of_values
from control.lint.triton.lint import lint
from control.triton.place import Place
from tests.charts.chart import SETS, value_set
from tests.control.lint.triton.corpus import write_base

RULES = {"T165", "T166", "T167", "T168"}
KIND = "kind: KIND_CPU"


def found(folder: Path, deployment: Deployment) -> list[tuple[str, str, str]]:
    return [(one.id, one.subject, one.field) for one in lint(folder, (), deployment).findings if one.id in RULES]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("plain", "other"):
        write_base(tmp_path, "plain", name)
    return tmp_path


def edit(models: Path, old: str, new: str) -> None:
    path = models / "plain" / "config.pbtxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", [name for name in SETS if value_set(name).get("triton", {}).get("enabled")])
def test_what_the_chart_deploys_fits_what_is_published(name: str, root: Path) -> None:
    deployment = of_values(SETS[name])
    assert deployment.place is not None
    errors = [one for one in lint(root / "model-repository", (), deployment).findings if one.severity == "error"]
    assert errors == []
    assert (deployment.gpus, deployment.place.on_gpus) == ((1, ("quality",)) if name == "gpu" else (0, ()))


def test_a_gpu_that_no_model_uses_is_named(models: Path) -> None:
    assert found(models, Deployment("--gpus", 1)) == [("T165", "", "triton.gpus")]
    assert found(models, Deployment("--gpus", 0)) == []
    place = Place(gpus=1, on_gpus=("plain",))
    assert found(models, Deployment("values.yaml", 1, place, ("plain", "other"))) == []
    assert found(models, Deployment("values.yaml", 1, place, ("other",))) == [("T165", "", "triton.gpus")]


def test_a_model_that_the_server_cannot_run_is_named(models: Path) -> None:
    edit(models, KIND, "kind: KIND_GPU gpus: [0, 3]")
    at = "instance_group[0]"
    assert found(models, Deployment("--gpus", 0)) == [("T166", "plain", f"{at}.kind")]
    assert found(models, Deployment("--gpus", 2)) == [("T167", "plain", f"{at}.gpus")]
    assert found(models, Deployment("values.yaml", 0, Place(cpus=2))) == [], "the chart loads it on CPUs"


def test_a_model_that_is_not_published_is_named(models: Path) -> None:
    deployed = Deployment("values.yaml", 0, Place(), ("plain", "absent"))
    assert found(models, deployed) == [("T168", "", "triton.models")]


def test_values_without_triton_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TritonLintError, match="deploys no Triton; set triton.enabled"):
        of_values(SETS["minimal"])
    with pytest.raises(TritonLintError, match="No such file"):
        of_values(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("triton: {enabled: true, gpus: 1}\n")
    with pytest.raises(TritonLintError, match="reserves GPUs that no model uses"):
        of_values(tmp_path / "bad.yaml")
