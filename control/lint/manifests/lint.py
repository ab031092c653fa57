"""The steps of the linter: targets -> YAML -> objects -> schemas -> our own rules -> report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests import skaffold
from control.lint.manifests.checks import (
    containers,
    images,
    kserve,
    names,
    network,
    observe,
    pod,
    ray,
    references,
    routes,
    scaling,
)
from control.lint.manifests.objects.resource import Bundle, Origin, Resource
from control.lint.manifests.objects.tree import table
from control.lint.manifests.operators import kserve_webhooks, prometheus_rules, ray_clusters, ray_jobs
from control.lint.manifests.options import LintOptions
from control.lint.manifests.output import ManifestLinter, Manifests
from control.lint.manifests.render import render
from control.lint.manifests.schemas import builtin_kinds
from control.lint.manifests.schemas.crds.check import Checker
from control.lint.manifests.schemas.crds.definitions import load
from control.lint.manifests.server import check as server
from control.lint.manifests.server import pod_security
from control.lint.manifests.server.rule_ids import rule_id
from control.lint.manifests.strict_yaml import read
from control.lint.manifests.targets import Target
from control.lint.report import Report

__all__ = ["lint", "lint_objects", "lint_texts"]

CHECKS: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    names.check,
    pod.check,
    pod_security.check,
    containers.check,
    images.check,
    network.check,
    routes.check,
    scaling.check,
    references.check,
    observe.check,
    ray.check,
    ray_clusters.check,
    ray_jobs.check,
    kserve.check,
    kserve_webhooks.check,
    prometheus_rules.check,
)
SKIPPED = (
    "custom resources and Skaffold files were not checked against schemas (SLW102 to SLW108, SLW901): "
    "SLIPWAY_SCHEMAS is not set; set it to a folder that holds CRDs as JSON"
)


class _Schemas:
    """The schemas of built-in kinds and the definitions. Equal objects are checked only once."""

    def __init__(self, options: LintOptions) -> None:
        self.versions = builtin_kinds.versions(options.kubernetes)
        # Versions that were not asked for by name only warn, except the newest.
        self._decisive = self.versions if options.kubernetes else (builtin_kinds.newest(),)
        self._checker = _checker(options.schemas) if options.schemas is not None else None
        self._seen: dict[str, list[tuple[str, str, str]]] = {}

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Yield the findings of one object."""
        text = json.dumps(resource.body, sort_keys=True, default=str)
        if text not in self._seen:
            self._seen[text] = self._judge(resource)
        yield from (resource.finding(*verdict) for verdict in self._seen[text])

    def _judge(self, resource: Resource) -> list[tuple[str, str, str]]:
        if builtin_kinds.is_built_in(resource.body):
            return self._built_in(resource.body)
        if self._checker is None:
            return []
        if self._checker.knows(resource.body):
            return self._checker.check(resource.body)
        message = f"no definition of the kind {resource.kind} in the group {resource.group}"
        exists = self._checker.definitions.may_exist(resource.group, resource.kind)
        return [("SLW111" if exists else "SLW005", "kind", message)]

    def _built_in(self, body: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Return what the schemas refuse, else what the rules refuse: a server decodes before it validates."""
        found = builtin_kinds.check(body, self.versions, self._decisive)
        if any(id != "SLW110" for id, _, _ in found):
            return found
        found += [("SLW110", path, f"Kubernetes before 1.36: {reason}") for path, reason in server.older(body)]
        return found + [(rule_id(refusal), refusal.path, refusal.reason) for refusal in server.check(body)]


@cache
def _checker(folder: Path) -> Checker:
    return Checker(load(folder))


def lint(targets: list[Target], options: LintOptions) -> Report[Manifests]:
    """Check all targets. Raises `ManifestError` if a tool or the folder of schemas is missing."""
    started = time.monotonic()
    schemas = _schemas(options)
    checked = Manifests(kubernetes=schemas.versions)
    found: list[Finding] = []
    for target in targets:
        checked.targets.append(target.label)
        if target.kind == "skaffold":
            found += skaffold.check(target.path, options.schemas)
            continue
        rendered = render(target)
        found += rendered.findings
        own = replace(options, external=(*options.external, *sorted(rendered.external)))
        more, count = _check_texts(rendered.texts, target.label, schemas, own, rendered.written)
        found += more
        checked.objects += count
    findings = _merged(finding for finding in found if finding.id not in options.ignore)
    checked.seconds = time.monotonic() - started
    return Report(ManifestLinter(), checked, findings, [SKIPPED] if options.schemas is None else [])


def lint_texts(texts: list[tuple[str, str]], options: LintOptions) -> list[Finding]:
    """Check files that are applied together, as (name, text). Raises `ManifestError`."""
    found, _ = _check_texts(texts, "", _schemas(options), options, written=True)
    return _merged(found)


def lint_objects(bodies: Iterable[dict[str, Any]], options: LintOptions) -> list[Finding]:
    """Check objects that are applied together. Raises `ManifestError`."""
    resources = [Resource(body, Origin("", "")) for body in bodies]
    return _merged(_check_bundle(resources, _schemas(options), options))


@cache
def _schemas(options: LintOptions) -> _Schemas:
    return _Schemas(options)


def _check_bundle(resources: list[Resource], schemas: _Schemas, options: LintOptions) -> Iterator[Finding]:
    for resource in resources:
        yield from schemas.check(resource)
    bundle = Bundle(resources, options.external)
    for check in CHECKS:
        yield from check(bundle)


def _check_texts(
    texts: list[tuple[str, str]], label: str, schemas: _Schemas, options: LintOptions, written: bool
) -> tuple[list[Finding], int]:
    resources: list[Resource] = []
    found: list[Finding] = []
    for file, text in texts:
        for document in read(text):
            found += [problem.finding(file, label, written) for problem in document.problems]
            if document.value is None:
                continue
            origin = Origin(label, file, document.line, document.lines) if written else Origin(label, file)
            for body in _objects(document.value):
                resource = Resource(table(body), origin)
                problem_of = _identity(resource, body)
                if problem_of:
                    found.append(resource.finding("SLW003", "", problem_of))
                else:
                    resources.append(resource)
    found += _check_bundle(resources, schemas, options)
    return found, len(resources)


def _objects(value: object) -> list[object]:
    """Return the items of a List, or of a list of one kind such as a RoleList; else the object itself."""
    body = table(value)
    items, kind = body.get("items"), str(body.get("kind"))
    if not kind.endswith("List") or not isinstance(items, list):
        return [value]
    # The items of a RoleList need not say that they are Roles.
    own = {"apiVersion": body.get("apiVersion"), "kind": kind.removesuffix("List")} if kind != "List" else {}
    return [{**own, **item} if isinstance(item, dict) else item for item in items]


def _identity(resource: Resource, body: object) -> str:
    if not isinstance(body, dict):
        return f"the document is a {type(body).__name__}, not a mapping"
    missing = [key for key in ("apiVersion", "kind") if not isinstance(body.get(key), str) or not body[key]]
    missing += [] if resource.name else ["metadata.name"]
    return f"the object has no {' and no '.join(missing)}" if missing else ""


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, with all of its sources."""
    sources: dict[Finding, dict[str, None]] = {}
    for finding in findings:
        sources.setdefault(finding, {}).update(dict.fromkeys(finding.sources))
    return sorted(replace(finding, sources=tuple(given)) for finding, given in sources.items())
