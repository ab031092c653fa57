from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.control.conftest import Slipway

DATA = Path(__file__).parents[2] / "lint" / "manifests" / "data"
GOOD = "{apiVersion: v1, kind: Namespace, metadata: {name: ml}}\n"
WARNED = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: a}
spec: {maxUnavailable: 0, selector: {matchLabels: {a: b}}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {a: b}}
spec:
  containers:
    - name: a
      image: a:1
      resources: {limits: {memory: 1Gi, cpu: 1}}
      readinessProbe: &probe {exec: {command: [a]}}
      livenessProbe: *probe
"""


def test_a_good_file_and_a_bad_one(slipway: Slipway, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    done = slipway.run("manifests", "lint", str(path))
    assert done.returncode == 0 and "0 errors and 0 warnings: 1 objects" in done.stderr
    assert "SLIPWAY_SCHEMAS is not set" in done.stderr and "(nothing)" in done.stdout
    path.write_text(GOOD.replace("ml", "ML"))
    done = slipway.run("manifests", "lint", str(path))
    assert done.returncode == 1 and "SLW201" in done.stdout and f"{path}:1" in done.stdout


def test_warnings_fail_only_when_asked(slipway: Slipway, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(WARNED)
    done = slipway.run("manifests", "lint", str(path), "--format", "json")
    assert done.returncode == 0, done.stdout
    assert [item["rule"] for item in json.loads(done.stdout)["findings"]] == ["SLW408"]
    assert slipway.run("manifests", "lint", str(path), "--strict").returncode == 1
    assert slipway.run("manifests", "lint", str(path), "--strict", "--ignore", "SLW408").returncode == 0


def test_a_chart_as_sarif(slipway: Slipway, schemas: Path) -> None:
    done = slipway.run("manifests", "lint", str(DATA / "chart"), "--format", "sarif", SLIPWAY_SCHEMAS=str(schemas))
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["SLW215"]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "tests/control/lint/manifests/data/chart/templates/deployment.yaml"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere does not exist; give a file"),
        (["{path}", "--kubernetes", "1"], "--kubernetes 1: expected a version such as 1.34"),
        (["{path}", "--kubernetes", "9.9"], "there are schemas of 1.20 to"),
        (["{path}", "--ignore", "X"], "--ignore X: there is no such rule"),
        (["{path}", "--external", "x"], "--external x: expected KIND/NAME"),
        (["{path}", "--require-schemas"], "--require-schemas: SLIPWAY_SCHEMAS is not set"),
        (["{path}", "--format", "xml"], "xml"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    slipway: Slipway, tmp_path: Path, arguments: list[str], says: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    done = slipway.run("manifests", "lint", *(word.format(path=path) for word in arguments))
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_without_kubectl(slipway: Slipway, tmp_path: Path) -> None:
    shutil.copytree(DATA / "kustomize", tmp_path / "k")
    done = slipway.run("manifests", "lint", str(tmp_path / "k" / "overlay"), PATH=str(tmp_path))
    assert done.returncode == 2 and "brew install kubectl" in done.stderr
