"""Which pods know the keys that count, and which alone hold the one that signs."""

from __future__ import annotations

from typing import Any

import pytest

from control.charts.render import ChartError, render
from tests.charts.chart import objects, pods, variables

TRUSTED: dict[str, Any] = {"signatures": {"trustedKeys": {"name": "trusted"}, "signingKey": {"name": "release"}}}
TRAINING: dict[str, Any] = {
    "mlflow": {"url": "http://mlflow:5000"},
    "training": {"bootstrap": {"enabled": True}, "jobs": {"nightly": {"app": "price"}}},
    "triton": {"enabled": True},
}


def mounts(pod: dict[str, Any], name: str) -> list[dict[str, Any]]:
    every = [*pod["containers"], *pod.get("initContainers", [])]
    return [mount for container in every for mount in container.get("volumeMounts", []) if mount["name"] == name]


@pytest.mark.parametrize("runtime", ["process", "ray"])
def test_every_pod_of_slipway_knows_the_keys_and_only_trainings_sign(runtime: str) -> None:
    found = objects({"groups": {"all": {"runtime": runtime}}, **TRAINING, **TRUSTED})
    seen = set()
    for (kind, name), made in found.items():
        for pod in pods(made):
            seen.add(kind)
            assert {"name": "trusted-keys", "configMap": {"name": "trusted"}} in pod["volumes"], (kind, name)
            for mount in mounts(pod, "trusted-keys"):
                assert mount["mountPath"] == "/etc/slipway/trusted-keys" and mount["readOnly"]
            trains = kind in ("RayJob", "Job") and name != "slipway-test"
            assert bool(mounts(pod, "signing")) is trains, (kind, name)
            variable = variables(pod["containers"][0]).get("SLIPWAY_SIGNING_KEY")
            assert variable == ("/etc/slipway/signing/key.pem" if trains else None), (kind, name)
            assert variables(pod["containers"][-1])["SLIPWAY_TRUSTED_KEYS"] == "/etc/slipway/trusted-keys"
            secrets = [one for one in pod["volumes"] if one["name"] == "signing"]
            wanted = {"name": "signing", "secret": {"secretName": "release", "defaultMode": 0o440}}
            assert secrets == ([wanted] if trains else [])
    assert {"RayJob", "Job", "ServingRuntime"} <= seen


def test_nothing_is_mounted_unless_it_is_asked_for() -> None:
    assert "signing" not in (shown := render(TRAINING)) and "trusted-keys" not in shown


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"signatures": {"trustedKeys": {"name": "T!"}}}, "signatures.trustedKeys.name"),
        ({"extraEnv": [{"name": "SLIPWAY_TRUSTED_KEYS", "value": "/k"}]}, "SLIPWAY_TRUSTED_KEYS is set by the"),
        ({"groupDefaults": {"settings": {"SLIPWAY_SIGNING_KEY": "/k"}}}, "SLIPWAY_SIGNING_KEY"),
    ],
)
def test_values_that_do_not_go_together(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        render(values)
