"""The story: what there is -> its YAML -> its objects -> schemas -> rules of our own -> a report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from control.errors import ManifestError
from control.manifests import core, skaffold
from control.manifests.checks import (
    containers,
    images,
    kserve,
    names,
    network,
    objects,
    observe,
    pod,
    ray,
    references,
    routes,
    scaling,
)
from control.manifests.crds.check import Checker
from control.manifests.crds.definitions import load
from control.manifests.finding import Finding
from control.manifests.render import render
from control.manifests.resource import Bundle, Place, Resource
from control.manifests.rules import rules
from control.manifests.strict import read
from control.manifests.targets import Target
from control.manifests.walk import table

__all__ = ["Options", "Report", "lint", "lint_objects", "lint_texts"]

CHECKS: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    names.check,
    pod.check,
    containers.check,
    images.check,
    objects.check,
    network.check,
    routes.check,
    scaling.check,
    references.check,
    observe.check,
    ray.check,
    kserve.check,
)
SKIPPED = (
    "custom resources and Skaffold files were not held against schemas (SLW102 to SLW108, SLW901): "
    "SLIPWAY_SCHEMAS is not set; set it to a folder that holds CRDs as JSON"
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How strictly. `kubernetes` empty: 1.30 and the newest; `schemas` is the folder of CRDs, if there is one."""

    kubernetes: tuple[str, ...] = ()
    schemas: Path | None = None
    external: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @staticmethod
    def from_environment(
        kubernetes: Iterable[str], require_schemas: bool, external: Iterable[str], ignore: Iterable[str]
    ) -> Options:
        """With the folder of SLIPWAY_SCHEMAS. Raises `ManifestError`."""
        given = os.environ.get("SLIPWAY_SCHEMAS", "")
        if require_schemas and not given:
            raise ManifestError(
                "--require-schemas: SLIPWAY_SCHEMAS is not set; set it to a folder that holds CRDs as JSON"
            )
        wrong = [id for id in ignore if id not in rules()]
        if wrong:
            raise ManifestError(f"--ignore {wrong[0]}: there is no such rule; docs/manifests.md lists them")
        for name in external:
            if "/" not in name:
                raise ManifestError(f"--external {name}: expected KIND/NAME, such as secret/database")
        return Options(
            kubernetes=tuple(kubernetes),
            schemas=Path(given) if given else None,
            external=tuple(external),
            ignore=tuple(ignore),
        )


@dataclass
class Report:
    """What was looked at and what was found, sorted."""

    findings: list[Finding] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    kubernetes: tuple[str, ...] = ()
    objects: int = 0
    seconds: float = 0.0

    def failed(self, strict: bool) -> bool:
        """Whether the command shall end with 1."""
        return any(strict or finding.severity == "error" for finding in self.findings)


class _Schemas:
    """Built-in kinds and definitions; the same object is judged once, however often it is rendered."""

    def __init__(self, options: Options) -> None:
        self.versions = core.versions(options.kubernetes)
        self._checker = _checker(options.schemas) if options.schemas is not None else None
        self._seen: dict[str, list[tuple[str, str, str]]] = {}

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Findings of one object."""
        text = json.dumps(resource.body, sort_keys=True, default=str)
        if text not in self._seen:
            self._seen[text] = self._judge(resource)
        yield from (resource.finding(*verdict) for verdict in self._seen[text])

    def _judge(self, resource: Resource) -> list[tuple[str, str, str]]:
        if core.is_built_in(resource.body):
            return core.check(resource.body, self.versions)
        if self._checker is None:
            return []
        if self._checker.knows(resource.body):
            return self._checker.check(resource.body)
        return [("SLW005", "kind", f"no definition has the kind {resource.kind} in the group {resource.group}")]


@cache
def _checker(folder: Path) -> Checker:
    return Checker(load(folder))


def lint(targets: list[Target], options: Options) -> Report:
    """Look at everything. Raises `ManifestError` when a tool or a schema folder is missing."""
    started = time.monotonic()
    schemas = _schemas(options)
    report = Report(kubernetes=schemas.versions, skipped=[SKIPPED] if options.schemas is None else [])
    found: list[Finding] = []
    for target in targets:
        report.targets.append(target.label)
        if target.kind == "skaffold":
            found += skaffold.check(target.path, options.schemas)
            continue
        rendered = render(target)
        found += rendered.findings
        own = replace(options, external=(*options.external, *sorted(rendered.external)))
        made, count = _texts(rendered.texts, target.label, schemas, own, rendered.written)
        found += made
        report.objects += count
    report.findings = _merged(finding for finding in found if finding.id not in options.ignore)
    report.seconds = time.monotonic() - started
    return report


def lint_texts(texts: list[tuple[str, str]], options: Options) -> list[Finding]:
    """Files that are applied together, as (name, text). Raises `ManifestError`."""
    found, _ = _texts(texts, "", _schemas(options), options, written=True)
    return _merged(found)


def lint_objects(bodies: Iterable[dict[str, Any]], options: Options) -> list[Finding]:
    """Objects that are applied together. Raises `ManifestError`."""
    resources = [Resource(body, Place("", "")) for body in bodies]
    return _merged(_judged(resources, _schemas(options), options))


@cache
def _schemas(options: Options) -> _Schemas:
    return _Schemas(options)


def _judged(resources: list[Resource], schemas: _Schemas, options: Options) -> Iterator[Finding]:
    for resource in resources:
        yield from schemas.check(resource)
    bundle = Bundle(resources, options.external)
    for check in CHECKS:
        yield from check(bundle)


def _texts(
    texts: list[tuple[str, str]], label: str, schemas: _Schemas, options: Options, written: bool
) -> tuple[list[Finding], int]:
    resources: list[Resource] = []
    found: list[Finding] = []
    for file, text in texts:
        for document in read(text):
            for problem in document.problems:
                line = problem.line if written else 0
                found.append(Finding(file, line, "", problem.field, problem.id, problem.message, (label,)))
            if document.value is None:
                continue
            place = Place(label, file, document.line, document.lines) if written else Place(label, file)
            for body in _objects(document.value):
                resource = Resource(table(body), place)
                problem_of = _identity(resource, body)
                if problem_of:
                    found.append(resource.finding("SLW003", "", problem_of))
                else:
                    resources.append(resource)
    found += _judged(resources, schemas, options)
    return found, len(resources)


def _objects(value: object) -> list[object]:
    """A List holds others."""
    body = table(value)
    items = body.get("items")
    return list(items) if body.get("kind") == "List" and isinstance(items, list) else [value]


def _identity(resource: Resource, body: object) -> str:
    if not isinstance(body, dict):
        return f"it is a {type(body).__name__}, not a mapping"
    missing = [key for key in ("apiVersion", "kind") if not isinstance(body.get(key), str) or not body[key]]
    missing += [] if resource.name else ["metadata.name"]
    return f"it has no {' and no '.join(missing)}" if missing else ""


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, with everything it was found in."""
    sources: dict[Finding, dict[str, None]] = {}
    for finding in findings:
        sources.setdefault(finding, {}).update(dict.fromkeys(finding.sources))
    return sorted(
        Finding(f.file, f.line, f.resource, f.field, f.id, f.message, tuple(given)) for f, given in sources.items()
    )
