"""PrometheusRules: what Prometheus refuses when it loads a file of rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import entries, join, strings, table

__all__ = ["check"]

METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_ALERTS = ("annotations", "for", "keep_firing_for")
Refused = Iterator[tuple[str, str]]


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield what Prometheus refuses: one wrong rule keeps its whole file from being loaded."""
    for resource in bundle.of("PrometheusRule"):
        for i, group in entries(resource.get("spec.groups")):
            for j, rule in entries(group.get("rules")):
                at = join(f"{join('spec.groups', i)}.rules", j)
                for field, message in _refused(rule):
                    yield resource.finding("SLW606", join(at, field) if field else at, message)


def _refused(rule: dict[str, Any]) -> Refused:
    record, alert = rule.get("record") or "", rule.get("alert") or ""
    if record and alert:
        yield "", "only one of 'record' and 'alert' must be set"
    if not record and not alert:
        yield "", "one of 'record' or 'alert' must be set"
    if rule.get("expr") in (None, ""):
        yield "expr", "field 'expr' must be set in rule"
    if record:
        yield from _recorded(rule, str(record))
    for name in table(rule.get("labels")):
        if not LABEL.fullmatch(str(name)) or name == "__name__":
            yield "labels", f"invalid label name: {name}"
    for field in ("labels", "annotations"):
        for name, text in strings(rule.get(field)).items():
            if not _closed(text):
                yield f"{field}.{name}", "the template has an action that is not closed"


def _recorded(rule: dict[str, Any], record: str) -> Refused:
    for field in _OF_ALERTS:
        if rule.get(field):
            yield field, f"invalid field '{field}' in recording rule"
    if not METRIC.fullmatch(record):
        yield "record", f"invalid recording rule name: {record}"


def _closed(text: str) -> bool:
    """Return whether each action of a Go template is closed; text may hold `}}` outside of actions."""
    opened = text.split("{{")[1:]
    return all("}}" in part for part in opened)
