"""Pods and what creates them for good: Deployments, ReplicaSets, StatefulSets and DaemonSets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import dig, entries, join, strings, table
from control.lint.manifests.server.claims import claim_spec
from control.lint.manifests.server.formats import dns_label, percent, subdomain
from control.lint.manifests.server.meta import matching, metadata, selector
from control.lint.manifests.server.pods.annotations import pod_notes
from control.lint.manifests.server.pods.spec import pod_spec, template
from control.lint.manifests.server.refusal import (
    NEGATIVE,
    Refusal,
    each,
    forbidden,
    invalid,
    negative,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = [
    "daemon_set",
    "deployment",
    "pod",
    "pod_template",
    "replica_set",
    "replication_controller",
    "share",
    "stateful_set",
]

NO_MATCH = "`selector` does not match template `labels`"
_ROLLING, _RECREATE = "RollingUpdate", "Recreate"
_DEFAULT_DEADLINE = 600


def pod(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Pod."""
    yield from metadata(body, subdomain)
    yield from pod_notes(body, "metadata.annotations")
    yield from pod_spec(body.get("spec"), "spec", alone=True)


def pod_template(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a PodTemplate."""
    yield from metadata(body, subdomain)
    yield from template(body.get("template"), "template")


def deployment(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Deployment."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from negative(spec, "spec", ("replicas", "minReadySeconds", "revisionHistoryLimit"))
    yield from _selected(spec, "deployment")
    yield from _always(spec, "ReplicaSet")
    yield from _strategy(table(spec.get("strategy")), "spec.strategy")
    given, ready = whole(spec.get("progressDeadlineSeconds")), whole(spec.get("minReadySeconds")) or 0
    deadline = _DEFAULT_DEADLINE if given is None else given
    yield from negative(spec, "spec", ("progressDeadlineSeconds",))
    if deadline <= ready:
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def replica_set(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a ReplicaSet."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from negative(spec, "spec", ("replicas", "minReadySeconds"))
    yield from _selected(spec, "deployment")
    yield from _always(spec, "ReplicaSet")


def replication_controller(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a ReplicationController, which selects the labels of its template unless it says otherwise."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from negative(spec, "spec", ("replicas", "minReadySeconds"))
    labels = strings(dig(spec, "template.metadata.labels"))
    wanted = strings(spec.get("selector")) or labels
    if spec.get("template") is None:
        yield required("spec.template")
    elif not wanted:
        yield required("spec.selector")
    elif wanted.items() - labels.items():
        yield invalid("spec.template.metadata.labels", labels, NO_MATCH)
    yield from _always(spec, "ReplicationController")


def daemon_set(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a DaemonSet."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from negative(spec, "spec", ("minReadySeconds", "revisionHistoryLimit"))
    yield from _selected(spec, "daemonset")
    yield from _always(spec, "DaemonSet")
    strategy, at = table(spec.get("updateStrategy")), "spec.updateStrategy"
    kind = strategy.get("type") or _ROLLING
    if kind not in (_ROLLING, "OnDelete"):
        yield unsupported(at, strategy, (_ROLLING, "OnDelete"))
    elif kind == _ROLLING:
        yield from _rolling_daemons(table(strategy.get("rollingUpdate")), join(at, "rollingUpdate"))


def stateful_set(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a StatefulSet."""
    spec = table(body.get("spec"))
    # The names of its pods are labels, because they are names of hosts too.
    yield from metadata(body, dns_label)
    yield from negative(spec, "spec", ("replicas", "minReadySeconds"))
    yield from negative(table(spec.get("ordinals")), "spec.ordinals", ("start",))
    policy = spec.get("podManagementPolicy") or "OrderedReady"
    if policy not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _update(table(spec.get("updateStrategy")), "spec.updateStrategy")
    retention = table(spec.get("persistentVolumeClaimRetentionPolicy"))
    places = {name: ("Retain", "Delete") for name in ("whenDeleted", "whenScaled")}
    yield from one_of(retention, "spec.persistentVolumeClaimRetentionPolicy", places)
    if spec.get("serviceName"):
        yield from each("spec.serviceName", spec["serviceName"], dns_label(str(spec["serviceName"])))
    yield from _selected(spec, "statefulset")
    claims = entries(spec.get("volumeClaimTemplates"))
    named = tuple(str(table(claim.get("metadata")).get("name")) for _, claim in claims)
    yield from _always(spec, "StatefulSet", named)
    for i, claim in claims:
        place = join("spec.volumeClaimTemplates", i)
        yield from claim_spec(table(claim.get("spec")), join(place, "spec"))


def share(value: Any, at: str) -> Iterator[Refusal]:
    """Check a number of pods, or a share of them such as 25%."""
    if isinstance(value, str):
        yield from each(at, value, percent(value))
    elif isinstance(value, int) and value < 0:
        yield invalid(at, value, NEGATIVE)


def at_most_all(value: Any, at: str) -> Iterator[Refusal]:
    """Refuse a share above 100 %."""
    if isinstance(value, str) and not percent(value) and int(value[:-1]) > 100:
        yield invalid(at, value, "must not be greater than 100%")


def _amount(value: Any) -> int:
    if isinstance(value, str):
        return 0 if percent(value) else int(value[:-1])
    return whole(value) or 0


def _selected(spec: dict[str, Any], kind: str) -> Iterator[Refusal]:
    given, at = spec.get("selector"), "spec.selector"
    if not isinstance(given, dict):
        yield required(at)
        return
    problems = list(selector(given, at))
    yield from problems
    if not table(given.get("matchLabels")) and not given.get("matchExpressions"):
        yield invalid(at, given, f"empty selector is invalid for {kind}")
    own = strings(table(table(spec.get("template")).get("metadata")).get("labels"))
    if not problems and not matching(given, own):
        yield invalid("spec.template.metadata.labels", own, NO_MATCH)


def _always(spec: dict[str, Any], kind: str, claimed: tuple[str, ...] = ()) -> Iterator[Refusal]:
    at = "spec.template"
    yield from template(spec.get("template"), at, claimed)
    inner = table(table(spec.get("template")).get("spec"))
    policy = inner.get("restartPolicy") or "Always"
    if policy != "Always":
        yield unsupported(join(at, "spec.restartPolicy"), policy, ("Always",))
    if inner.get("activeDeadlineSeconds") is not None:
        reason = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden(join(at, "spec.activeDeadlineSeconds"), reason)


def _strategy(strategy: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind, rolling = strategy.get("type") or _ROLLING, strategy.get("rollingUpdate")
    place = join(at, "rollingUpdate")
    if kind == _RECREATE:
        if rolling is not None:
            yield forbidden(place, "may not be specified when strategy `type` is 'Recreate'")
        return
    if kind != _ROLLING:
        yield unsupported(at, strategy, (_RECREATE, _ROLLING))
        return
    lost, surge = (_or_default(table(rolling).get(name), "25%") for name in ("maxUnavailable", "maxSurge"))
    yield from share(lost, join(place, "maxUnavailable"))
    yield from share(surge, join(place, "maxSurge"))
    if _amount(lost) == 0 and _amount(surge) == 0:
        yield invalid(join(place, "maxUnavailable"), lost, "may not be 0 when `maxSurge` is 0")
    yield from at_most_all(lost, join(place, "maxUnavailable"))


def _rolling_daemons(rolling: dict[str, Any], at: str) -> Iterator[Refusal]:
    lost, surge = _or_default(rolling.get("maxUnavailable"), 1), _or_default(rolling.get("maxSurge"), 0)
    for name, value in (("maxUnavailable", lost), ("maxSurge", surge)):
        yield from share(value, join(at, name))
        yield from at_most_all(value, join(at, name))
    if _amount(lost) and _amount(surge):
        yield invalid(join(at, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero")
    elif not _amount(lost) and not _amount(surge):
        yield required(join(at, "maxUnavailable"), "cannot be 0 when maxSurge is 0")


def _update(strategy: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind, rolling = strategy.get("type") or _ROLLING, strategy.get("rollingUpdate")
    place = join(at, "rollingUpdate")
    if kind == "OnDelete":
        if rolling is not None:
            yield invalid(place, rolling, "only allowed for updateStrategy 'RollingUpdate'")
    elif kind != _ROLLING:
        yield invalid(at, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif isinstance(rolling, dict):
        yield from negative(rolling, place, ("partition",))
        lost = rolling.get("maxUnavailable")
        if lost is not None:
            yield from share(lost, join(place, "maxUnavailable"))
            yield from at_most_all(lost, join(place, "maxUnavailable"))
            if _amount(lost) == 0:
                yield invalid(join(place, "maxUnavailable"), lost, "cannot be 0")


def _or_default(value: Any, default: Any) -> Any:
    return default if value is None else value
