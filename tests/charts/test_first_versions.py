"""How the first versions come to a new installation: from a bucket, from images, or from a training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from control.package import image
from serving.kernel.find_app import find_apps
from tests.charts.chart import CHART, objects, of_kind, pods, value_set, variables
from tests.serving.toy import write_version

APPS = sorted(app.name for app in find_apps())
BUCKET = {"repositorySync": {"enabled": True, "source": "s3://models/repository"}}


def gateways(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods that read the model repository to serve it."""
    found = [*of_kind(values, "Deployment").values(), *of_kind(values, "RayService").values()]
    every = [pod for item in found for pod in pods(item)]
    return [pod for pod in every if any(volume["name"] == "models" for volume in pod["volumes"])]


@pytest.mark.parametrize("runtime", ["ray", "process"])
def test_a_pod_copies_the_bucket_before_it_starts(runtime: str) -> None:
    values = {"groups": {"all": {"runtime": runtime}}, **BUCKET, "secrets": {"storage": "keys"}}
    found = gateways(values)
    assert len(found) == (2 if runtime == "ray" else 1)
    for pod in found:
        (step,) = pod["initContainers"]
        assert step["image"] == "slipway/control:0.1.0" and "s3://models/repository" in step["command"]
        assert step["envFrom"] == [{"secretRef": {"name": "keys"}}]
        (mount,) = (one for one in step["volumeMounts"] if one["name"] == "models")
        assert "readOnly" not in mount
        (volume,) = (one for one in pod["volumes"] if one["name"] == "models")
        assert "readOnly" not in volume["persistentVolumeClaim"], "no container of the pod could write"
        (own,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "models")
        assert own["readOnly"]
    policy = of_kind(values, "NetworkPolicy")["slipway-sync"]["spec"]
    assert "gateway" in policy["podSelector"]["matchExpressions"][0]["values"]


def test_jobs_alone_may_copy_it() -> None:
    values = {
        "groups": {"all": {"runtime": "process"}},
        "repositorySync": {**BUCKET["repositorySync"], "init": False},
    }
    (pod,) = gateways(values)
    assert "initContainers" not in pod
    policy = of_kind(values, "NetworkPolicy")["slipway-sync"]["spec"]
    assert policy["podSelector"]["matchExpressions"][0]["values"] == ["job"]


def run(command: list[str], tmp_path: Path, replaced: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """A container's command with other paths than in its image, and the `slipway` of this environment."""
    words = list(command)
    for old, new in replaced.items():
        words = [word.replace(old, str(new)) for word in words]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SLIPWAY_HOME": str(tmp_path / "home")}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)


@pytest.mark.slow
def test_the_copy_runs_and_a_lost_bucket_matters_only_to_an_empty_claim(tmp_path: Path) -> None:
    (pod,) = gateways({"groups": {"all": {"runtime": "process"}}, **BUCKET})
    command = pod["initContainers"][0]["command"]
    source, claim = tmp_path / "bucket", tmp_path / "claim"
    claim.mkdir()
    assert run([*command[:3], str(source)], tmp_path, {"/models": claim}).returncode != 0, "nothing to serve"
    write_version(source, 1)
    assert run([*command[:3], str(source)], tmp_path, {"/models": claim}).returncode == 0
    assert (claim / "toy" / "1" / "manifest.json").is_file()
    assert run([*command[:3], str(tmp_path / "gone")], tmp_path, {"/models": claim}).returncode == 0


def test_images_with_models_take_the_place_of_the_claim(tmp_path: Path) -> None:
    values = value_set("images")
    assert of_kind(values, "PersistentVolumeClaim") == {}
    for pod in gateways(values):
        (volume,) = (one for one in pod["volumes"] if one["name"] == "models")
        assert volume["emptyDir"] == {}
        steps = pod["initContainers"]
        assert [step["image"] for step in steps] == ["slipway/price:3", "registry.example.com/slipway/fraud:1"]
    assert " /opt/slipway/model-repository\n" in image.DOCKERFILE.template, "where the image has its models"
    baked, models = tmp_path / "baked", tmp_path / "mounted"
    models.mkdir()
    write_version(baked, 1)
    made = run(steps[0]["command"], tmp_path, {"/opt/slipway/model-repository": baked, "/models": models})
    assert made.returncode == 0, made.stderr
    assert (models / "toy" / "1" / "manifest.json").is_file()


def test_a_job_trains_what_has_no_version(tmp_path: Path) -> None:
    (job,) = (item for name, item in of_kind(value_set("bootstrap"), "Job").items() if not name.endswith("-test"))
    assert job["metadata"]["annotations"] == {"slipway.dev/synthetic": "true"}, (
        "no hook: Helm would wait for gateways"
    )
    (pod,) = pods(job)
    (container,) = pod["containers"]
    assert container["command"][-len(APPS) :] == APPS
    assert "MLFLOW_TRACKING_URI" not in variables(container), "it has a registry of its own"
    assert variables(container)["SLIPWAY_MODEL_REPOSITORY"] == "/models"
    # A stand-in for `slipway train`, which takes minutes: it fails for one app and publishes the others.
    programs, claim = tmp_path / "bin", tmp_path / "claim"
    programs.mkdir()
    write_version(claim, 1)
    stand_in = programs / "slipway"
    stand_in.write_text('#!/bin/sh\necho "$2" >> trained\n[ "$2" != bad ]\n')
    stand_in.chmod(0o755)
    words = [word.replace("/models/", f"{claim}/") for word in container["command"][:4]]
    done = subprocess.run(
        [*words, "team.toy", "bad", "price"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (tmp_path / "trained").read_text().split() == ["bad", "price"], "toy has a version"
    assert done.returncode == 1 and done.stderr.strip() == "still without a version: bad"


def test_the_job_uses_the_releases_registry_and_changes_its_name_with_its_content() -> None:
    base = {"groups": {"all": {"runtime": "process"}}, "training": {"bootstrap": {"enabled": True}}}
    with_registry = {**base, "mlflow": {"url": "http://mlflow.tools:5000"}}
    names = []
    for values in (base, with_registry):
        ((name, job),) = (item for item in of_kind(values, "Job").items() if not item[0].endswith("-test"))
        names.append(name)
    (pod,) = pods(job)
    assert variables(pod["containers"][0])["MLFLOW_TRACKING_URI"] == "http://mlflow.tools:5000"
    assert "slipway-mlflow-elsewhere" in of_kind(with_registry, "NetworkPolicy")
    assert len(set(names)) == 2, "a Job cannot be changed"
    (deployment,) = of_kind(base, "Deployment").values()
    assert deployment["spec"]["progressDeadlineSeconds"] == 14400


def test_nothing_else_waits_for_gateways() -> None:
    for values in (value_set("bootstrap"), value_set("company")):
        for (kind, name), item in objects(values).items():
            hook = item["metadata"].get("annotations", {}).get("helm.sh/hook", "")
            assert "pre-install" not in hook, (kind, name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, f"MISSING: the claim slipway-models gets no version of {', '.join(APPS)}; set repositorySync,"),
        ({"modelRepository": {"existingClaim": "mine"}}, "The models come from the claim mine"),
        (BUCKET, "The models come from s3://models/repository"),
        (value_set("images"), "The models come from modelRepository.images"),
        (
            {"training": {"bootstrap": {"enabled": True, "apps": [name for name in APPS if name != "price"]}}},
            "MISSING: the claim slipway-models gets no version of price; add them to training.bootstrap.apps",
        ),
        (value_set("bootstrap"), "A job trains first versions on SYNTHETIC data"),
    ],
)
def test_the_notes_say_where_the_models_come_from(values: dict[str, Any], said: str) -> None:
    import helm_python as helm

    with helm.Chart.load(str(CHART)) as chart:
        texts = chart.render(values, name="slipway", namespace="slipway")
    (notes,) = (text for path, text in texts.items() if path.endswith("NOTES.txt"))
    assert [line for line in notes.splitlines() if line.startswith(said)], notes
    assert ("MISSING" in notes) == ("MISSING" in said)
