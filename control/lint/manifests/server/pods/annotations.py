"""Annotations of pods that the server reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, strings, table
from control.lint.manifests.server.pods.paths import descending
from control.lint.manifests.server.refusal import Refusal, invalid, key

__all__ = ["pod_notes"]

_COST = "controller.kubernetes.io/pod-deletion-cost"
_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_MIRROR = "kubernetes.io/config.mirror"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_OF_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_PROFILES = ("runtime/default", "docker/default", "unconfined")


def pod_notes(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check the annotations of a pod or a pod template."""
    spec = table(body.get("spec"))
    names = {c.get("name") for part in ("containers", "initContainers") for _, c in entries(spec.get(part))}
    for name, value in strings(table(body.get("metadata")).get("annotations")).items():
        place = key(at, name)
        if name == _COST and not _is_cost(value):
            yield invalid(place, value, "must be a 32bit integer")
        elif name == _MIRROR and not spec.get("nodeName"):
            yield invalid(place, value, "must set spec.nodeName if mirror pod annotation is set")
        elif name.startswith(_ARMOR):
            container = name.removeprefix(_ARMOR)
            if container not in names:
                yield invalid(place, container, "container not found")
            if value not in ("", "runtime/default", "unconfined") and not value.startswith("localhost/"):
                yield invalid(place, value, f'invalid AppArmor profile name: "{value}"')
        elif name == _SECCOMP or name.startswith(_OF_CONTAINER):
            if value.startswith("localhost/"):
                yield from descending(value.removeprefix("localhost/"), place)
            elif value not in _PROFILES:
                yield invalid(place, value, "must be a valid seccomp profile")


def _is_cost(text: str) -> bool:
    """Return whether the text is a whole number of 32 bits, as the server writes one."""
    return bool(re.fullmatch(r"0|-?[1-9]\d*", text, re.ASCII)) and -(1 << 31) <= int(text) < 1 << 31
