"""Who may call the gateways: keys from a Secret, or what the values say to be open."""

from __future__ import annotations

from typing import Any

import pytest

from control.charts.render import ChartError, render
from tests.charts.chart import OPEN, PLAIN, objects, of_kind, pods, variables

KEYS: dict[str, Any] = {"auth": {"keys": {"name": "keys"}, "operations": {"name": "operations"}}}
WAYS: list[tuple[dict[str, Any], str]] = [
    ({"routes": {"enabled": True}}, "routes.enabled"),
    ({"ingress": {"enabled": True}}, "ingress.enabled"),
    ({"service": {"type": "LoadBalancer"}}, "service.type LoadBalancer"),
    ({"networkPolicies": {"clients": [{"podSelector": {}}]}}, "networkPolicies.clients"),
    ({"networkPolicies": {"enabled": False}}, "networkPolicies.enabled false"),
]


@pytest.mark.parametrize(("values", "way"), WAYS)
def test_gateways_that_do_not_ask_are_not_opened_by_accident(values: dict[str, Any], way: str) -> None:
    with pytest.raises(ChartError, match=f"auth: {way} opens the group all to others .* change records and read"):
        render({**PLAIN, **values})


@pytest.mark.parametrize("allowed", [OPEN, KEYS])
def test_with_keys_or_on_request_they_are(allowed: dict[str, Any]) -> None:
    every = [values for values, _ in WAYS if "networkPolicies" not in values]
    assert render({**PLAIN, **allowed, **{name: value for values in every for name, value in values.items()}})


def test_other_ways_to_find_out_who_calls_are_enough_for_the_groups_that_have_one() -> None:
    values = {"routes": {"enabled": True}, "groupDefaults": {"settings": {"SLIPWAY_JWT_KEYS": "https://i/jwks"}}}
    for deployment in of_kind(values, "Deployment").values():
        for pod in pods(deployment):
            assert "SLIPWAY_OPEN" not in variables(pod["containers"][0])
    header = {"SLIPWAY_IDENTITY_HEADER": "x-user"}
    groups = {"price": {"settings": header}, "vendor": {"settings": header}, "rest": {"apps": ["demand"]}}
    with pytest.raises(ChartError, match="opens the group rest to others"):
        render({"routes": {"enabled": True}, "groups": groups, "groupPerApp": False})


@pytest.mark.parametrize("runtime", ["process", "ray"])
def test_keys_are_mounted_in_every_gateway(runtime: str) -> None:
    found = objects({"groups": {"all": {"runtime": runtime}}, **KEYS})
    kind = "Deployment" if runtime == "process" else "RayService"
    for pod in pods(found[(kind, "slipway-all")]):
        container = pod["containers"][0]
        folder = variables(container)["SLIPWAY_KEY_FOLDER"]
        assert "SLIPWAY_OPEN" not in variables(container)
        assert {"name": "keys", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
        assert {"name": "keys", "secret": {"secretName": "keys"}} in pod["volumes"]


def test_without_keys_a_gateway_says_that_it_is_open() -> None:
    (pod,) = pods(objects(PLAIN)[("Deployment", "slipway-all")])
    assert variables(pod["containers"][0])["SLIPWAY_OPEN"] == "true"


def test_prometheus_and_the_test_show_a_key() -> None:
    found = objects({**PLAIN, **KEYS, "metrics": {"serviceMonitor": True}})
    (endpoint,) = found[("ServiceMonitor", "slipway-gateway")]["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "operations", "key": "key"}}
    (pod,) = pods(found[("Job", "slipway-test")])
    (shown,) = (one for one in pod["containers"][0]["env"] if one["name"] == "SLIPWAY_API_KEY")
    assert shown["valueFrom"] == {"secretKeyRef": {"name": "operations", "key": "key"}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"auth": {"keys": {"name": "k"}}, "metrics": {"serviceMonitor": True}}, "auth.operations.name: with"),
        ({"auth": {"operations": {"name": "k"}}}, "auth.operations.name: the key is one of those"),
        ({"auth": {"keys": {"name": "K!"}}}, "auth.keys.name"),
        ({"groupDefaults": {"settings": {"SLIPWAY_OPEN": "1"}}}, "SLIPWAY_OPEN"),
        ({"extraEnv": [{"name": "SLIPWAY_KEY_FOLDER", "value": "/k"}]}, "SLIPWAY_KEY_FOLDER is set by the chart"),
    ],
)
def test_values_that_do_not_go_together(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        render(values)
