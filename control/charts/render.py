"""Render a chart with Helm as a Python library, without the program `helm` and without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

__all__ = ["CHART", "ChartError", "Object", "key", "render"]

CHART = Path(__file__).resolve().parents[2] / "charts" / "slipway"
Object = dict[str, Any]


class ChartError(RuntimeError):
    """Helm rejects a chart or its values; the message is Helm's own."""


def render(
    values: Mapping[str, Any], chart: Path = CHART, *, name: str = "slipway", namespace: str = "slipway"
) -> list[Object]:
    """The objects of a release, including hooks, ordered by the names of their templates.

    Raises `ChartError` if the schema or a template rejects the values, or if Helm is not installed.
    """
    helm = _helm()
    try:
        with helm.Chart.load(str(chart)) as loaded:
            loaded.validate_schema(dict(values))
            texts = loaded.render(dict(values), name=name, namespace=namespace)
    except helm.HelmError as cause:
        raise ChartError(str(cause)) from cause
    return [
        found
        for path in sorted(texts)
        if path.endswith(".yaml")
        for found in _documents(path, texts[path])
        if found is not None
    ]


def key(item: Object) -> tuple[str, str]:
    """Kind and name, which identify an object in a release."""
    return item["kind"], item["metadata"]["name"]


def _documents(path: str, text: str) -> list[Object]:
    try:
        return list(yaml.load_all(text, _Strict))  # noqa: S506 - a safe loader
    except yaml.YAMLError as cause:
        raise ChartError(f"{path}: the rendered text is not YAML: {cause}") from cause


class _Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Rejects duplicate keys, as the API server does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name in (self.construct_object(each, deep=True) for each, _ in node.value):
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {name!r}", node.start_mark)
            seen.add(name)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def _helm() -> ModuleType:
    try:
        import helm_python
    except ModuleNotFoundError as cause:
        raise ChartError("Helm is not installed: pip install 'slipway[dev]'") from cause
    module: ModuleType = helm_python
    return module
