"""Check Skaffold files: against their schema, if it is known, and that the paths in them exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Origin, Resource
from control.lint.manifests.objects.tree import entries, every, join, table
from control.lint.manifests.strict_yaml import read
from control.lint.manifests.targets import shown

__all__ = ["check"]

_PATHS = (
    "build.artifacts[*].context",
    "manifests.rawYaml[*]",
    "manifests.kustomize.paths[*]",
    "manifests.helm.releases[*].chartPath",
    "manifests.helm.releases[*].valuesFiles[*]",
    "deploy.helm.releases[*].chartPath",
    "deploy.helm.releases[*].valuesFiles[*]",
    "deploy.kustomize.paths[*]",
)


def check(path: Path, schemas: Path | None) -> Iterator[Finding]:
    """Yield the findings of one file."""
    for document in read(path.read_text()):
        origin = Origin(shown(path), shown(path), document.line, document.lines)
        body = table(document.value)
        resource = Resource({"kind": "Config", **body}, origin)
        for problem in document.problems:
            yield problem.finding(shown(path), shown(path))
        if document.value is None:
            continue
        if schemas is not None:
            yield from _schema(resource, body, schemas)
        yield from _paths(resource, body, "", path.parent)
        for i, profile in entries(body.get("profiles")):
            yield from _paths(resource, profile, join("profiles", i), path.parent)


def _schema(resource: Resource, body: dict[str, Any], schemas: Path) -> Iterator[Finding]:
    from jsonschema import Draft7Validator

    version = resource.api_version.removeprefix("skaffold/")
    file = schemas / "skaffold" / f"{Path(version).name}.schema.json"
    known = sorted(path.name.removesuffix(".schema.json") for path in (schemas / "skaffold").glob("*.schema.json"))
    if not known:
        return
    if not file.is_file():
        message = f"there is no schema of {resource.api_version}; known are {', '.join(known)}"
        yield resource.finding("SLW901", "apiVersion", message)
        return
    for error in Draft7Validator(json.loads(file.read_bytes())).iter_errors(body):
        best = _deepest(error)
        path: str = reduce(join, best.absolute_path, "")
        yield resource.finding("SLW901", path, best.message[:300])


def _deepest(error: Any) -> Any:
    """Return the most deeply nested reason why no alternative fits. Unknown fields come before other reasons."""
    leaves = list(_leaves(error))
    unknown = [leaf for leaf in leaves if leaf.validator == "additionalProperties"] or leaves
    return max(unknown, key=lambda leaf: (len(leaf.absolute_path), -len(leaf.message)))


def _leaves(error: Any) -> Iterator[Any]:
    if not error.context:
        yield error
    for inner in error.context:
        yield from _leaves(inner)


def _paths(resource: Resource, body: dict[str, Any], base: str, folder: Path) -> Iterator[Finding]:
    for pattern in _PATHS:
        for path, value in every(body, pattern, base):
            # Skaffold resolves templates and addresses, so they are not checked here.
            if isinstance(value, str) and "{{" not in value and "://" not in value and not _there(folder, value):
                yield resource.finding("SLW902", path, f"{value} does not exist")
    for i, artifact in entries(table(body.get("build")).get("artifacts")):
        context = str(artifact.get("context") or ".")
        file = str(table(artifact.get("docker")).get("dockerfile") or "Dockerfile")
        if "docker" in artifact and not (folder / context / file).is_file():
            at = join(join(base, "build.artifacts"), i) + ".docker.dockerfile"
            yield resource.finding("SLW902", at, f"{Path(context) / file} does not exist")


def _there(folder: Path, value: str) -> bool:
    """Return whether the path exists, or whether anything matches the pattern."""
    return (folder / value).exists() or bool("*" in value and next(iter(folder.glob(value)), None))
