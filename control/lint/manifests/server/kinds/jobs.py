"""Jobs and CronJobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, strings, table
from control.lint.manifests.server.formats import dns_label, label_value, qualified_name, subdomain
from control.lint.manifests.server.kinds.cron import line_problem, zone_problem
from control.lint.manifests.server.meta import matching, metadata, selector
from control.lint.manifests.server.pods.spec import template
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    invalid,
    key,
    negative,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["cron_job", "job"]

_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_MOST_PARALLEL = 100_000
_MANY = 10_000
_MOST_RULES, _MOST_CODES = 20, 255
_LONGEST_CRON_NAME = 52
_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")
_UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")


def job(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Job."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from _job_spec(spec, "spec")
    name, count = table(body.get("metadata")).get("name"), whole(spec.get("completions")) or 0
    yield from _selected(spec, str(name or ""))
    if spec.get("completionMode") == "Indexed" and name and count > 0:
        host = f"{name}-{count - 1}"
        if dns_label(host):
            reason = f"will not able to create pod with invalid DNS label: {host}"
            yield invalid("metadata.name", name, reason)


def cron_job(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a CronJob."""
    spec, name = table(body.get("spec")), table(body.get("metadata")).get("name")
    yield from metadata(body, subdomain)
    if isinstance(name, str) and len(name) > _LONGEST_CRON_NAME:
        yield invalid("metadata.name", name, f"must be no more than {_LONGEST_CRON_NAME} characters")
    line, zone = str(spec.get("schedule") or ""), spec.get("timeZone")
    if not line:
        yield required("spec.schedule")
    else:
        yield from each("spec.schedule", line, filter(None, [line_problem(line)]))
        if "TZ" in line:
            reason = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            yield invalid("spec.schedule", line, reason)
    if isinstance(zone, str):
        yield from each("spec.timeZone", zone, filter(None, [zone_problem(zone)]))
    yield from one_of(spec, "spec", {"concurrencyPolicy": ("Allow", "Forbid", "Replace")})
    yield from negative(
        spec, "spec", ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    )
    inner, at = table(table(spec.get("jobTemplate")).get("spec")), "spec.jobTemplate.spec"
    yield from _job_spec(inner, at)
    if inner.get("selector") is not None:
        yield invalid(join(at, "selector"), inner["selector"], "`selector` will be auto-generated")
    if inner.get("manualSelector") is True:
        yield unsupported(join(at, "manualSelector"), True, ("nil", "false"))


def _selected(spec: dict[str, Any], name: str) -> Iterator[Refusal]:
    given = spec.get("selector")
    own = strings(table(table(spec.get("template")).get("metadata")).get("labels"))
    yield from selector(given, "spec.selector")
    if spec.get("manualSelector") is True:
        if not isinstance(given, dict):
            yield required("spec.selector")
        elif not matching(given, own):
            yield invalid("spec.template.metadata.labels", own, "`selector` does not match template `labels`")
        return
    chosen = table(given)
    if set(table(chosen.get("matchLabels"))) - {*_NAME_LABELS, *_UID_LABELS} or chosen.get("matchExpressions"):
        yield invalid("spec.selector", given, "`selector` not auto-generated")
    # The server gives each pod labels with the job's name.
    for reason in label_value(name):
        yield invalid("spec.template.labels", name, reason)
    for label in _NAME_LABELS:
        if own.get(label, name) != name and name:
            yield invalid(key("spec.template.metadata.labels", label), own, f"must be '{name}'")


def _job_spec(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from negative(spec, at, _NUMBERS)
    yield from one_of(spec, at, {"completionMode": ("NonIndexed", "Indexed")})
    if spec.get("completionMode") == "Indexed":
        yield from _indexed(spec, at)
    else:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                yield invalid(join(at, name), spec[name], "requires indexed completion mode")
        if spec.get("successPolicy") is not None:
            yield invalid(join(at, "successPolicy"), spec["successPolicy"], "requires indexed completion mode")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield required(join(at, "backoffLimitPerIndex"), "when maxFailedIndexes is specified")
    yield from _failure_policy(spec, join(at, "podFailurePolicy"))
    yield from _replacement(spec, at)
    yield from _success_policy(spec, join(at, "successPolicy"))
    manager = spec.get("managedBy")
    if isinstance(manager, str) and ("/" not in manager or len(manager) > 63):
        yield invalid(join(at, "managedBy"), manager, 'must be a domain-prefixed path (such as "acme.io/foo")')
    yield from template(spec.get("template"), join(at, "template"))
    yield from _restart(spec, join(at, "template.spec.restartPolicy"))


def _restart(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    policy = table(table(spec.get("template")).get("spec")).get("restartPolicy") or "Always"
    if policy == "Always":
        yield required(at, 'valid values: "OnFailure", "Never"')
    elif policy == "OnFailure" and spec.get("podFailurePolicy") is not None:
        yield invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _indexed(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    count, parallel, failed = (
        whole(spec.get(name)) for name in ("completions", "parallelism", "maxFailedIndexes")
    )
    if count is None:
        yield required(join(at, "completions"), "when completion mode is Indexed")
    if parallel is not None and parallel > _MOST_PARALLEL:
        reason = f"must be less than or equal to {_MOST_PARALLEL} when completion mode is Indexed"
        yield invalid(join(at, "parallelism"), parallel, reason)
    if failed is not None:
        if count is not None and failed > count:
            yield invalid(join(at, "maxFailedIndexes"), failed, "must be less than or equal to completions")
        if failed > _MOST_PARALLEL:
            reason = f"must be less than or equal to {_MOST_PARALLEL}"
            yield invalid(join(at, "maxFailedIndexes"), failed, reason)
    if (count or 0) > _MOST_PARALLEL and spec.get("backoffLimitPerIndex") is not None:
        more = f"when completions are above {_MOST_PARALLEL} and used with backoff limit per index"
        if failed is None:
            reason = f"must be specified when completions is above {_MOST_PARALLEL}"
            yield required(join(at, "maxFailedIndexes"), reason)
        for name, value in (("parallelism", parallel), ("maxFailedIndexes", failed)):
            if value is not None and value > _MANY:
                yield invalid(join(at, name), value, f"must be less than or equal to {_MANY} {more}")


def _replacement(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    allowed = ("Failed",) if spec.get("podFailurePolicy") is not None else ("Failed", "TerminatingOrFailed")
    yield from one_of(spec, at, {"podReplacementPolicy": allowed})


def _failure_policy(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    rules = entries(table(spec.get("podFailurePolicy")).get("rules"))
    place = join(at, "rules")
    if len(rules) > _MOST_RULES:
        yield Refusal(place, f"Too many: {len(rules)}: must have at most {_MOST_RULES} items")
    inner = table(table(spec.get("template")).get("spec"))
    known = {c.get("name") for part in ("containers", "initContainers") for _, c in entries(inner.get(part))}
    for i, rule in rules:
        one = join(place, i)
        yield from _action(rule, spec, join(one, "action"))
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if isinstance(codes, dict):
            yield from _codes(codes, known, join(one, "onExitCodes"))
        yield from _conditions(conditions, join(one, "onPodConditions"))
        if codes is not None and conditions:
            reason = "specifying both OnExitCodes and OnPodConditions is not supported"
            yield Refusal(one, f"Invalid value: {reason}")
        if codes is None and not conditions:
            reason = "specifying one of OnExitCodes and OnPodConditions is required"
            yield Refusal(one, f"Invalid value: {reason}")


def _action(rule: dict[str, Any], spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    action = rule.get("action")
    if not action:
        yield required(at, f"valid values: {_quoted(_ACTIONS)}")
    elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        yield invalid(at, action, "requires the backoffLimitPerIndex to be set")
    elif action not in _ACTIONS:
        yield unsupported(at, action, _ACTIONS)


def _conditions(given: Any, at: str) -> Iterator[Refusal]:
    for i, pattern in entries(given):
        name = str(pattern.get("type") or "")
        yield from each(join(join(at, i), "type"), name, qualified_name(name))
        # The server takes a missing status as True.
        yield from one_of(pattern, join(at, i), {"status": _STATUSES})


def _codes(codes: dict[str, Any], known: set[Any], at: str) -> Iterator[Refusal]:
    operator, name = codes.get("operator"), codes.get("containerName")
    if not operator:
        yield required(join(at, "operator"), f"valid values: {_quoted(('In', 'NotIn'))}")
    elif operator not in ("In", "NotIn"):
        yield unsupported(join(at, "operator"), operator, ("In", "NotIn"))
    if name is not None and name not in known:
        reason = "must be one of the container or initContainer names in the pod template"
        yield invalid(join(at, "containerName"), name, reason)
    values, place = codes.get("values") or [], join(at, "values")
    if not values:
        yield invalid(place, values, "at least one value is required")
    elif len(values) > _MOST_CODES:
        yield Refusal(place, f"Too many: {len(values)}: must have at most {_MOST_CODES} items")
    for i, value in enumerate(values):
        if operator == "In" and value == 0:
            yield invalid(join(place, i), value, "must not be 0 for the In operator")
        if value in values[:i]:
            yield duplicate(join(place, i), value)
    if values != sorted(values):
        yield invalid(place, values, "must be ordered")


def _success_policy(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    policy = spec.get("successPolicy")
    if not isinstance(policy, dict):
        return
    rules, place = entries(policy.get("rules")), join(at, "rules")
    if not rules:
        yield required(place, "at least one rules must be specified when the successPolicy is specified")
    for i, rule in rules:
        yield from _success(rule, whole(spec.get("completions")), join(place, i))


def _success(rule: dict[str, Any], total: int | None, at: str) -> Iterator[Refusal]:
    count, indexes = whole(rule.get("succeededCount")), rule.get("succeededIndexes")
    if count is None and indexes is None:
        yield required(at, "at least one of succeededCount or succeededIndexes must be specified")
    number: int | str = 0
    if indexes is not None and total is not None:
        number = _indexes(str(indexes), total)
        if isinstance(number, str):
            yield invalid(f"{at}.succeededIndexes", indexes, f"error parsing succeededIndexes: {number}")
    if count is None:
        return
    yield from negative(rule, at, ("succeededCount",))
    most = "must be less than or equal to"
    if total is not None and count > total:
        yield invalid(f"{at}.succeededCount", count, f"{most} {total} (the number of specified completions)")
    if indexes is not None and isinstance(number, int) and count > number:
        reason = f"{most} {number} (the number of indexes in the specified succeededIndexes field)"
        yield invalid(f"{at}.succeededCount", count, reason)


def _indexes(text: str, total: int) -> int | str:
    """Return how many indexes a text such as `0,2-4` has, or why it cannot be read."""
    last, number = -1, 0
    for part in text.split(",") if text else ():
        ends = part.split("-")
        if len(ends) > 2:
            return (
                f'the fragment "{part}" violates the requirement that an index interval can have at most two parts'
            )
        for end in ends:
            if not re.fullmatch(r"\d+", end, re.ASCII):
                return f'cannot convert string to integer for index: "{end}"'
            if int(end) >= total:
                return f'too large index: "{end}"'
            if int(end) <= last:
                return f"non-increasing order, previous: {last}, current: {int(end)}"
            last = int(end)
        number += int(ends[-1]) - int(ends[0]) + 1
    return number


def _quoted(names: tuple[str, ...]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"
