"""Check a Ray Serve config (`serveConfigV2`) with Ray's own schema, and for fields that Ray ignores silently."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join

__all__ = ["refused"]


def refused(config: Any) -> list[str]:
    """Return messages that name the field; empty if Ray Serve accepts the config and reads all of it."""
    if not isinstance(config, dict):
        return ["the config is not a mapping"]
    with warnings.catch_warnings():
        # Ray still accepts deprecated fields.
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
    """Yield unknown fields, which Ray drops, and wrong autoscaling configs, which Ray reads only on deployment."""
    from ray.serve.schema import DeploymentSchema, ServeApplicationSchema, ServeDeploySchema

    yield from _unknown(ServeDeploySchema, config, "")
    for i, application in entries(config.get("applications")):
        at = join("applications", i)
        yield from _unknown(ServeApplicationSchema, application, at)
        route = application.get("route_prefix")
        if isinstance(route, str) and not route.startswith("/"):
            yield f"{at}.route_prefix: {route!r} does not begin with a slash"
        for j, deployment in entries(application.get("deployments")):
            below = join(f"{at}.deployments", j)
            yield from _unknown(DeploymentSchema, deployment, below)
            yield from _scaling(deployment.get("autoscaling_config"), f"{below}.autoscaling_config")


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
    path = at
    for key in item["loc"]:
        path = join(path, key)
    return f"{path or 'the config'}: {item['msg']}"
