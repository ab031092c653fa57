"""A Ray Serve config (`serveConfigV2`) against Ray's own schema, and what that lets pass silently."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join

__all__ = ["refused"]


def refused(config: Any) -> list[str]:
    """Messages, each with the field; empty when Ray Serve takes it and reads all of it."""
    if not isinstance(config, dict):
        return ["it is no mapping"]
    with warnings.catch_warnings():
        # What Ray will give up one day it takes today.
        warnings.simplefilter("ignore", DeprecationWarning)
        return _refused(config)


def _refused(config: dict[str, Any]) -> list[str]:
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema

    try:
        ServeDeploySchema.model_validate(config)
    except ValidationError as error:
        return [_message("", item) for item in error.errors()]
    return list(_ignored(config))


def _ignored(config: dict[str, Any]) -> Iterator[str]:
    """Ray drops fields that it does not know, and reads an autoscaling config only when it deploys."""
    from ray.serve.schema import DeploymentSchema, ServeApplicationSchema, ServeDeploySchema

    yield from _unknown(ServeDeploySchema, config, "")
    for i, application in entries(config.get("applications")):
        at = join("applications", i)
        yield from _unknown(ServeApplicationSchema, application, at)
        route = application.get("route_prefix")
        if isinstance(route, str) and not route.startswith("/"):
            yield f"{at}.route_prefix: {route!r} does not begin with a slash"
        for j, deployment in entries(application.get("deployments")):
            place = join(f"{at}.deployments", j)
            yield from _unknown(DeploymentSchema, deployment, place)
            yield from _scaling(deployment.get("autoscaling_config"), f"{place}.autoscaling_config")


def _unknown(model: Any, given: dict[str, Any], at: str) -> Iterator[str]:
    for name in given:
        if name not in model.model_fields:
            yield f"{join(at, name)}: Ray Serve has no such field"


def _scaling(given: Any, at: str) -> Iterator[str]:
    from pydantic import ValidationError
    from ray.serve.config import AutoscalingConfig

    if not isinstance(given, dict):
        return
    yield from _unknown(AutoscalingConfig, given, at)
    try:
        AutoscalingConfig.model_validate(given)
    except ValidationError as error:
        yield from (_message(at, item) for item in error.errors())


def _message(at: str, item: Any) -> str:
    place = at
    for key in item["loc"]:
        place = join(place, key)
    return f"{place or 'the whole'}: {item['msg']}"
