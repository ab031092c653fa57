"""Built-in kinds against the schemas of several Kubernetes versions, by `kubernetes-validate`."""

from __future__ import annotations

import json
from functools import cache, reduce
from typing import Any

from control.errors import ManifestError
from control.manifests.walk import join

__all__ = ["check", "newest", "versions"]

BUILT_IN = ("", "apps", "batch", "autoscaling", "policy")
"""Groups without a dot that Kubernetes itself serves; its others end in `.k8s.io`."""
OPERATORS = ("gateway.networking.k8s.io", "snapshot.storage.k8s.io", "metrics.k8s.io")


def newest() -> str:
    """The newest Kubernetes version there is a schema of, such as 1.37."""
    import kubernetes_validate

    return _minor(str(kubernetes_validate.latest_version()))


def versions(asked: tuple[str, ...]) -> tuple[str, ...]:
    """The versions to check by; 1.30 and the newest where none is asked for. Raises `ManifestError`."""
    latest = newest()
    for version in asked:
        parts = version.removeprefix("v").split(".")
        if len(parts) < 2 or not all(part.isdigit() for part in parts):
            raise ManifestError(f"--kubernetes {version}: expected a version such as 1.34")
        if not (1, 20) <= _number(version) <= _number(latest):
            raise ManifestError(f"--kubernetes {version}: there are schemas of 1.20 to {latest}")
    return tuple(dict.fromkeys(_minor(version) for version in asked)) or ("1.30", latest)


def is_built_in(body: dict[str, Any]) -> bool:
    """Whether Kubernetes itself serves the group of an object."""
    group = str(body.get("apiVersion", "")).rpartition("/")[0]
    return group in BUILT_IN or (group.endswith(".k8s.io") and group not in OPERATORS)


def check(body: dict[str, Any], asked: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(rule, path, message) by version; one message for several that agree."""
    text = json.dumps(body, sort_keys=True, default=str)
    found: dict[tuple[str, str, str], list[str]] = {}
    for version in asked:
        verdict = _check(text, version)
        if verdict:
            found.setdefault(verdict, []).append(version)
    return [(id, path, f"Kubernetes {', '.join(at)}: {message}") for (id, path, message), at in found.items()]


@cache
def _check(text: str, version: str) -> tuple[str, str, str] | None:
    import kubernetes_validate

    body = json.loads(text)
    try:
        kubernetes_validate.validate(body, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path: str = reduce(join, getattr(error, "path", ()), "")
        message = str(getattr(error, "message", error))
        return "SLW101", path, message if len(message) < 240 else f"... {message[-200:]}"
    except kubernetes_validate.SchemaNotFoundError:
        return "SLW005", "kind", f"there is no {body['kind']} in {body['apiVersion']}"
    return None


def _number(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])
