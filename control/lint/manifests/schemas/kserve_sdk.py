"""Build InferenceServices with the models of the KServe SDK, as its clients would read them.

The SDK runs in a separate process: it has messages of the Open Inference Protocol with the same names as Triton's
client, and one process cannot load both.
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

from control.lint.manifests.objects.tree import join

__all__ = ["problems"]

_LIST = re.compile(r"list\[(.+)\]")
_MAP = re.compile(r"dict\(str, (.+)\)")
_SCALARS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_AMOUNTS = ("limits", "requests", "overhead")
_AMOUNT = ("sizeLimit", "divisor")
"""Fields that hold quantities: a mapping of them, or one."""
_OPEN = ("IntOrString", "ResourceQuantity", "Quantity", "object", "datetime", "file")
Problem = tuple[str, str]


def problems(body: dict[str, Any]) -> list[Problem]:
    """Return (path, message) of what the SDK's models of an InferenceService refuse."""
    return _problems_of(json.dumps(body, sort_keys=True, default=str))


@cache
def _problems_of(text: str) -> list[Problem]:
    return _pool().submit(_build_service, text).result()


@cache
def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))


def _build_service(text: str) -> list[Problem]:
    """Build the models; this runs in the other process."""
    found: list[Problem] = []
    _build("V1beta1InferenceService", _with_quantities(json.loads(text)), "", found)
    return found


def _with_quantities(value: Any, key: str = "") -> Any:
    """Return the body with its quantities as text: the API server takes `cpu: 1` too, but the models do not."""
    if isinstance(value, dict):
        amounts = key in _AMOUNTS
        return {name: _with_quantities(item, _AMOUNT[0] if amounts else name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_quantities(item) for item in value]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if number and key in _AMOUNT else value


def _build(kind: str, value: Any, path: str, found: list[Problem]) -> Any:
    """Return a value of the named type, or the value itself. Problems are added to `found`."""
    for pattern, wanted in ((_LIST, list), (_MAP, dict)):
        inner = pattern.fullmatch(kind)
        if inner:
            if not isinstance(value, wanted):
                found.append((path, f"{value!r} is not a {wanted.__name__}"))
                return value
            pairs = enumerate(value) if isinstance(value, list) else value.items()
            for key, item in pairs:
                _build(inner[1], item, join(path, key), found)
            return value
    if kind in _SCALARS:
        good = isinstance(value, _SCALARS[kind]) and (kind == "bool") == isinstance(value, bool)
        if not good:
            found.append((path, f"{value!r} is not of the type {kind}"))
        return value
    model = None if kind in _OPEN else _model(kind)
    return value if model is None else _model_of(model, value, path, found)


def _model_of(model: Any, value: Any, path: str, found: list[Problem]) -> Any:
    if not isinstance(value, dict):
        found.append((path, f"{value!r} is not a mapping"))
        return value
    names = {outer: inner for inner, outer in model.attribute_map.items()}
    given: dict[str, Any] = {}
    for key, item in value.items():
        if key not in names:
            found.append((join(path, key), f"{model.__name__} has no field {key}"))
        elif item is not None:
            given[names[key]] = _build(model.openapi_types[names[key]], item, join(path, key), found)
    return _made(model, given, path, found)


def _made(model: Any, given: dict[str, Any], path: str, found: list[Problem]) -> Any:
    """Construct the model, which checks required fields, patterns and ranges."""
    try:
        return model(**given)
    except ValueError as error:
        missing = next(_missing(model, str(error)), "")
        found.append((join(path, missing) if missing else path, str(error)))
        return given


def _missing(model: Any, message: str) -> Iterator[str]:
    match = re.search(r"`(\w+)`", message)
    if match and match[1] in model.attribute_map:
        yield model.attribute_map[match[1]]


@cache
def _model(kind: str) -> Any:
    """Return the class of that name in the SDK of KServe or of Kubernetes, or None."""
    import kserve
    import kubernetes.client

    return getattr(kserve, kind, None) or getattr(kubernetes.client, kind, None)
