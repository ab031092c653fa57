"""Check built-in kinds against the schemas of several Kubernetes versions in `kubernetes-validate`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache, reduce
from typing import Any

from control.errors import ManifestError
from control.lint.manifests.objects.tree import join
from control.lint.manifests.server.check import KINDS, covers

__all__ = ["check", "newest", "versions"]

BUILT_IN = tuple(
    f"{name}.k8s.io"
    for name in (
        "admissionregistration apiextensions apiregistration authentication authorization certificates "
        "coordination discovery events flowcontrol.apiserver internal.apiserver networking node policy "
        "rbac.authorization resource scheduling storage storagemigration"
    ).split()
)
"""The groups of Kubernetes with a dot. A group without one is always its own, or was."""
TOOLS = ("builtin", "skaffold")
"""Groups of files that only kustomize or Skaffold reads."""
_GROUP, _SHORT = re.compile(r"^([^./]*)(?:\.[^/]*)?/"), r"\1-"
"""In the names of the files, `rbac.authorization.k8s.io/v1` is `rbac-v1`."""


def newest() -> str:
    """Return the newest Kubernetes version that has a schema, such as 1.37."""
    import kubernetes_validate

    return _minor(str(kubernetes_validate.latest_version()))


def versions(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the versions to check against: those asked for, else 1.30 and the newest. Raises `ManifestError`."""
    latest = newest()
    for version in asked:
        parts = version.removeprefix("v").split(".")
        if len(parts) < 2 or not all(part.isdigit() for part in parts):
            raise ManifestError(f"--kubernetes {version}: expected a version such as 1.34")
        if not (1, 20) <= _number(version) <= _number(latest):
            raise ManifestError(f"--kubernetes {version}: there are schemas of 1.20 to {latest}")
    return tuple(dict.fromkeys(_minor(version) for version in asked)) or ("1.30", latest)


def is_built_in(body: dict[str, Any]) -> bool:
    """Return whether Kubernetes itself serves the group of an object."""
    group = str(body.get("apiVersion", "")).rpartition("/")[0]
    if group in BUILT_IN or ("." not in group and group not in TOOLS):
        return True
    # Operators have groups such as autoscaling.k8s.io too; a kind of Kubernetes in such a group is a slip.
    return group.endswith(".k8s.io") and any(kind == body.get("kind") for _, kind in KINDS)


def check(
    body: dict[str, Any], asked: tuple[str, ...], decisive: tuple[str, ...] | None = None
) -> list[tuple[str, str, str]]:
    """Return (rule, path, message) of what the versions refuse; versions that agree share a message.

    What no `decisive` version refuses gets the rule SLW110, a warning. All versions are decisive by default.
    """
    text = json.dumps(_without_nulls(body), sort_keys=True, default=str)
    found: dict[tuple[str, str, str], list[str]] = {}
    for version in asked:
        for verdict in _check(text, version):
            found.setdefault(verdict, []).append(version)
    deciding = set(asked if decisive is None else decisive)
    return [
        (id if deciding & set(at) else "SLW110", path, f"Kubernetes {', '.join(at)}: {message}")
        for (id, path, message), at in found.items()
    ]


def _without_nulls(value: Any) -> Any:
    """Leave out keys without a value, which the server reads as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@cache
def _check(text: str, version: str) -> list[tuple[str, str, str]]:
    body = json.loads(text)
    validator = _validator(str(body["kind"]), str(body["apiVersion"]), version)
    if validator is None:
        return [("SLW005", "kind", f"there is no {body['kind']} in {body['apiVersion']}")]
    errors = sorted(validator.iter_errors(body), key=lambda error: list(map(str, error.absolute_path)))
    return [verdict for error in errors for verdict in _verdicts(error, covers(body))]


def _verdicts(error: Any, covered: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what the server says where it decodes an object. It requires no field then: its rules do later."""
    path: str = reduce(join, error.absolute_path, "")
    if error.validator == "required" and covered:
        return
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        for name in error.instance:
            if name not in error.schema.get("properties", {}):
                yield "SLW101", join(path, name), f'strict decoding error: unknown field "{join(path, name)}"'
    elif error.validator in ("type", "oneOf"):
        wanted = error.validator_value if error.validator == "type" else ["number", "string"]
        kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"]
        message = f"cannot unmarshal {_json_type(error.instance)} into a field of type {' or '.join(kinds)}"
        yield "SLW101", path, message
    else:
        message = error.message if len(error.message) < 240 else f"... {error.message[-200:]}"
        yield "SLW101", path, message


def _json_type(value: Any) -> str:
    known = ((bool, "bool"), ((int, float), "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in known if isinstance(value, kind)), "null")


@cache
def _validator(kind: str, api_version: str, version: str) -> Any:
    """Return a validator with the strict schema of a kind in a version, or None if it has no such kind.

    The package's own `validate` is not used: it reads megabytes of definitions for each object and stops at the
    first error.
    """
    from jsonschema.validators import Draft202012Validator
    from kubernetes_validate.utils import schema_contents
    from referencing import Registry, Resource

    if not re.fullmatch(r"[A-Z][A-Za-z]*", kind) or not re.fullmatch(r"[\w.-]+(/\w+)?", api_version):
        return None
    name = f"{kind.lower()}-{_GROUP.sub(_SHORT, api_version)}.json"
    try:
        schema = schema_contents(f"{_folder(version)}/{name}", version)
    except FileNotFoundError:
        return None
    registry: Any = Resource.from_contents(schema) @ (_definitions(version) @ Registry())
    return Draft202012Validator(schema, registry=registry)


@cache
def _definitions(version: str) -> Any:
    from kubernetes_validate.utils import schema_contents
    from referencing import Resource

    return Resource.from_contents(schema_contents(f"{_folder(version)}/_definitions.json", version))


@cache
def _folder(version: str) -> str:
    """Return the package's folder with the schemas of a version. The package has one patch release of each."""
    from kubernetes_validate.utils import all_versions

    releases = [release for release in all_versions() if _minor(release) == version]
    return f"kubernetes-json-schema/v{releases[-1]}-local-strict"


def _number(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])
