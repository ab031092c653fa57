from __future__ import annotations

from typing import Any

import pytest

from control.lint.manifests.schemas.serve_config import refused

DEPLOYMENT = {
    "name": "gateway",
    "max_ongoing_requests": 8,
    "autoscaling_config": {"min_replicas": 1, "max_replicas": 2},
}
APPLICATION = {"name": "a", "import_path": "a:b", "route_prefix": "/", "deployments": [DEPLOYMENT]}


def config(**changes: Any) -> dict[str, Any]:
    return {"applications": [{**APPLICATION, **changes}]}


def test_a_good_config() -> None:
    assert refused(config()) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "the config is not a mapping"),
        ({}, "applications"),
        ({**config(), "application": []}, "application: Ray Serve has no such field"),
        (config(import_path="a"), "applications[0].import_path"),
        (config(route_prefix="a"), "applications[0].route_prefix"),
        (config(name_=1), "applications[0].name_: Ray Serve has no such field"),
        (config(deployments=[{**DEPLOYMENT, "num_replica": 1}]), "applications[0].deployments[0].num_replica"),
        (
            config(deployments=[{"name": "a", "autoscaling_config": {"min_replicas": 3, "max_replicas": 2}}]),
            "applications[0].deployments[0].autoscaling_config",
        ),
        (
            config(deployments=[{"name": "a", "autoscaling_config": {"min_replica": 1}}]),
            "applications[0].deployments[0].autoscaling_config.min_replica",
        ),
    ],
)
def test_what_is_refused_or_ignored(given: Any, field: str) -> None:
    messages = refused(given)
    assert messages and messages[0].startswith(field)
