from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.cluster.rayjob import entrypoint, job_name, rayjob
from control.cluster.settings import ClusterSettings
from control.errors import KubernetesError
from control.lint.manifests.schemas.crds.check import Checker
from control.lint.manifests.schemas.crds.definitions import load
from training.recipe import RecipeOptions
from training.run import TrainRequest

URL = "s3://models/live"
MLFLOW = "http://mlflow.ml:5000"


def request(**options: Any) -> TrainRequest:
    return TrainRequest(**{"app": "price", "paths": ("s3://data/prices.csv",), **options})


@pytest.fixture(scope="module")
def checker(schemas: Path) -> Checker:
    """KubeRay's own definitions, of this release and the one before."""
    return Checker(load(schemas))


FULL = ClusterSettings(
    namespace="ml", gpus=1, secrets=("mlflow", "buckets"), pull_secrets=("registry",), service_account="trainer"
)


@pytest.mark.parametrize("settings", [ClusterSettings(secrets=("mlflow",)), FULL])
def test_kuberay_accepts_it(checker: Checker, settings: ClusterSettings) -> None:
    assert checker.check(rayjob(request(tune=5, workers=6), settings, "train-price-1", URL)) == []


def test_the_check_finds_what_it_is_for(checker: Checker) -> None:
    manifest = rayjob(request(), FULL, "train-price-1", URL)
    head = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]
    head["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    assert [path for _, path, _ in checker.check(manifest) if "imagePullPolice" in path]


def test_the_same_words_run_there() -> None:
    asked = request(
        query="select * from \"p\" where day > '2020-01-01' -- $HOME",
        paths=(),
        options=RecipeOptions(select={"commodity": "red onion"}, seed=3, allowed=("reference", "lot no")),
        workers=2,
        promote=True,
        tune=30,
        tune_minutes=2.5,
    )
    assert shlex.split(entrypoint(asked)) == [
        "slipway",
        "train",
        "price",
        "--query",
        "select * from \"p\" where day > '2020-01-01' -- $HOME",
        "--workers",
        "2",
        "--seed",
        "3",
        "--promote",
        "--tune",
        "30",
        "--tune-minutes",
        "2.5",
        "--allow-column",
        "reference",
        "--allow-column",
        "lot no",
        "--commodity=red onion",
    ]


def pods(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    spec = manifest["spec"]
    return [spec["submitterPodTemplate"]["spec"], spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]]


def test_pods_have_no_rights_and_one_folder_to_write_to() -> None:
    for pod in pods(rayjob(request(), FULL, "j", URL)):
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["image"] == FULL.image
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_resources_follow_the_settings_and_the_workers() -> None:
    _, head = pods(rayjob(request(workers=6), FULL, "j", URL))
    assert head["containers"][0]["resources"]["limits"] == {
        "cpu": "6",
        "memory": "8Gi",
        "ephemeral-storage": "20Gi",
        "nvidia.com/gpu": "1",
    }
    assert head["tolerations"][0]["key"] == "nvidia.com/gpu"


def test_secrets_come_by_reference() -> None:
    _, head = pods(rayjob(request(), FULL, "j", URL))
    container = head["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "mlflow"}}, {"secretRef": {"name": "buckets"}}]
    source = {"secretKeyRef": {"name": "mlflow", "key": "MLFLOW_TRACKING_URI"}}
    assert container["env"] == [{"name": "MLFLOW_TRACKING_URI", "valueFrom": source}]
    given = rayjob(request(), ClusterSettings(), "j", URL, MLFLOW)
    assert "env" not in pods(given)[1]["containers"][0]
    variables = yaml.safe_load(given["spec"]["runtimeEnvYAML"])["env_vars"]
    assert variables["MLFLOW_TRACKING_URI"] == MLFLOW and variables["SLIPWAY_REPOSITORY_URL"] == URL


@pytest.mark.parametrize(
    ("options", "settings", "url", "mlflow", "words"),
    [
        ({"paths": (Path("prices.csv"),)}, FULL, URL, "", "--data prices.csv is on this machine"),
        ({}, FULL, "", "", "SLIPWAY_REPOSITORY_URL must be s3://"),
        ({}, FULL, "model-repository", "", "SLIPWAY_REPOSITORY_URL must be s3://"),
        ({}, ClusterSettings(), URL, "", "MLFLOW_TRACKING_URI must name"),
        ({}, ClusterSettings(), "", "", "publishes to it\n       MLFLOW_TRACKING_URI must name"),
        ({}, FULL, URL, "http://me:hunter2@mlflow", "MLFLOW_TRACKING_URI holds a password"),
        ({}, FULL, "s3://models/$(id)", "", "SLIPWAY_REPOSITORY_URL: the characters"),
        ({}, FULL, "s3://models/a'b", "", "SLIPWAY_REPOSITORY_URL: the characters"),
        ({}, FULL, URL, "http://mlflow/`id`", "MLFLOW_TRACKING_URI: the characters"),
    ],
)
def test_what_a_job_cannot_do_is_said_before(
    options: dict[str, Any], settings: ClusterSettings, url: str, mlflow: str, words: str
) -> None:
    with pytest.raises(KubernetesError) as error:
        rayjob(request(**options), settings, "j", url, mlflow)
    assert words in str(error.value) and "hunter2" not in str(error.value)


def test_names_fit_kuberays_labels() -> None:
    assert re.fullmatch(r"train-price-\d{8}-\d{6}", job_name("price"))
    long = job_name("a_very_long_name_of_an_app_that_somebody_chose")
    assert len(long) <= 47 and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", long)


def test_an_app_outside_the_repository_is_trained_by_its_package() -> None:
    words = shlex.split(entrypoint(request(app="rainfall", package="acme.rainfall")))
    assert words[:3] == ["slipway", "train", "acme.rainfall"]
