"""Groups of apps that are nearly alike: one is written in full, the others as JSON patches (RFC 6902) of it.

A strategic merge patch would replace the containers of a custom resource and lose their images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from control.charts.render import ChartError, Object, key
from control.yaml_text import dump

__all__ = ["GROUP", "HEAD", "by_group", "differences", "gateway_patches", "kustomization", "references"]

GROUP = "slipway.dev/group"
"""The label with the name of the group that an object belongs to."""
HEAD = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
"""How a kustomization begins."""
PART = "slipway.dev/part"
"""The label with the part that an object is of."""
Operation = dict[str, Any]


def by_group(items: list[Object]) -> tuple[list[Object], dict[str, list[Object]]]:
    """The objects that belong to no group, and those of each group in the order of `items`."""
    common: list[Object] = []
    groups: dict[str, list[Object]] = {}
    for item in items:
        group = item["metadata"]["labels"].get(GROUP)
        (common if group is None else groups.setdefault(group, [])).append(item)
    return common, groups


def references(groups: Mapping[str, list[Object]]) -> dict[str, str]:
    """For each group, the first group with objects of the same kinds: the group itself, if it is the first."""
    first: dict[tuple[str, ...], str] = {}
    return {name: first.setdefault(tuple(item["kind"] for item in items), name) for name, items in groups.items()}


def kustomization(name: str, items: list[Object], reference: str, originals: list[Object]) -> str:
    """A kustomization that makes the objects of group `name` from those of group `reference`, kind by kind."""
    patches = [_patch(original, item) for original, item in zip(originals, items, strict=True)]
    comment = f"# The group {name}: how it differs from the group {reference}.\n"
    return f"{HEAD}{comment}resources:\n  - ../{reference}\npatches:\n{''.join(patches)}"


def gateway_patches(changes: list[tuple[Object, Object]]) -> str:
    """One patch for the gateways of each kind. Raises `ChartError` if two of a kind, or other objects, change."""
    found: dict[str, str] = {}
    for old, new in changes:
        kind, name = key(old)
        if new["metadata"]["labels"].get(PART) != "gateway":
            raise ChartError(f"the component changes {kind} {name}; it may only change gateways")
        lines = "".join(_lines(operation) for operation in differences(old, new))
        if found.setdefault(kind, lines) != lines:
            raise ChartError(f"the component changes {kind} {name} in another way than the others of its kind")
    return "".join(
        f"  - target:\n      kind: {kind}\n      labelSelector: {PART}=gateway\n    patch: |-\n{lines}"
        for kind, lines in found.items()
    )


def differences(old: Any, new: Any, path: str = "") -> Iterator[Operation]:
    """The operations that turn `old` into `new`. Lists of different lengths are replaced as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old | new:
            below = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in new:
                yield {"op": "remove", "path": below}
            elif name not in old:
                yield {"op": "add", "path": below, "value": new[name]}
            else:
                yield from differences(old[name], new[name], below)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}/{index}")
    elif type(old) is not type(new) or old != new:
        yield {"op": "replace", "path": path, "value": new}


def _patch(old: Object, new: Object) -> str:
    kind, name = key(old)
    lines = "".join(_lines(operation) for operation in differences(old, new))
    return f"  - target:\n      kind: {kind}\n      name: {name}\n    patch: |-\n{lines}"


def _lines(operation: Operation) -> str:
    """On one line, unless the value is a structure or has several lines."""
    value = operation.get("value")
    if isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value):
        text = dump([operation], 1000)
    else:
        text = f"- {yaml.safe_dump(operation, sort_keys=False, default_flow_style=True, width=1000)}"
    return "".join(f"      {line}\n" for line in text.splitlines())
