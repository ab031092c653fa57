from __future__ import annotations

from importlib.metadata import version

import pytest

from control.cluster.settings import ClusterSettings
from serving.kernel.settings import read


def test_the_image_is_of_this_version_unless_it_is_named() -> None:
    assert ClusterSettings().image == f"slipway/training:{version('slipway')}"
    assert (
        read(ClusterSettings, {"SLIPWAY_TRAINING_IMAGE": "r.example/t@sha256:0"}).image == "r.example/t@sha256:0"
    )


def test_what_the_environment_says() -> None:
    environ = {
        "SLIPWAY_CLUSTER_NAMESPACE": "ml",
        "SLIPWAY_TRAINING_SECRETS": "mlflow, buckets",
        "SLIPWAY_TRAINING_GPUS": "1",
    }
    settings = read(ClusterSettings, environ)
    assert (settings.namespace, settings.secrets, settings.gpus) == ("ml", ("mlflow", "buckets"), 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPWAY_TRAINING_MEMORY", "8 GB"),
        ("SLIPWAY_TRAINING_DISK", "0"),
        ("SLIPWAY_TRAINING_CPUS", "0"),
        ("SLIPWAY_TRAINING_GPUS", "-1"),
        ("SLIPWAY_TRAINING_DEADLINE_SECONDS", "0"),
        ("SLIPWAY_TRAINING_KEEP_SECONDS", "-1"),
        ("SLIPWAY_TRAINING_SECRETS", "a,B_c"),
        ("SLIPWAY_TRAINING_PULL_SECRETS", "-a"),
        ("SLIPWAY_TRAINING_SERVICE_ACCOUNT", "a b"),
        ("SLIPWAY_CLUSTER_NAMESPACE", "ML"),
        ("SLIPWAY_CLUSTER_RELEASE", "Slipway"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        read(ClusterSettings, {name: value})
