"""A whole pod, as it stands in a Pod or in a pod template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import (
    dns_label,
    ip_problems,
    qualified_name,
    subdomain,
    underscored_subdomain,
)
from control.lint.manifests.server.meta import labels, notes
from control.lint.manifests.server.pods.annotations import pod_notes
from control.lint.manifests.server.pods.containers import Pod, containers
from control.lint.manifests.server.pods.resources import of_pod as of_whole_pod
from control.lint.manifests.server.pods.resources import requirements
from control.lint.manifests.server.pods.scheduling import affinity, spread, tolerations
from control.lint.manifests.server.pods.security import of_pod
from control.lint.manifests.server.pods.volumes import volumes
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["pod_spec", "template"]

_VALUES = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_NAMES = {
    "serviceAccountName": subdomain,
    "nodeName": subdomain,
    "hostname": dns_label,
    "subdomain": dns_label,
    "priorityClassName": subdomain,
    "runtimeClassName": subdomain,
}
_LONGEST_DEADLINE = (1 << 31) - 1
_LONGEST_SEARCH = 2048
_NO_HOST = "when `pod.Spec.HostUsers` is false"


def template(given: Any, at: str, claimed: tuple[str, ...] = ()) -> Iterator[Refusal]:
    """Check a pod template; `claimed` are the volumes that a StatefulSet adds."""
    body, meta = table(given), join(at, "metadata")
    yield from labels(table(body.get("metadata")).get("labels"), join(meta, "labels"))
    yield from notes(table(body.get("metadata")).get("annotations"), join(meta, "annotations"))
    yield from pod_notes(body, join(meta, "annotations"))
    yield from pod_spec(body.get("spec"), join(at, "spec"), claimed)
    if table(body.get("spec")).get("ephemeralContainers"):
        yield forbidden(join(at, "spec.ephemeralContainers"), "ephemeral containers not allowed in pod template")


def pod_spec(given: Any, at: str, claimed: tuple[str, ...] = (), alone: bool = False) -> Iterator[Refusal]:
    """Check the spec of a pod; `alone` for a Pod that no controller makes."""
    spec = table(given)
    pod = _pod(spec, claimed)
    yield from volumes(spec, at)
    yield from _claims(spec, join(at, "resourceClaims"))
    yield from containers(pod, at)
    yield from of_whole_pod(spec, join(at, "resources"))
    yield from requirements({"limits": spec.get("overhead")}, join(at, "overhead"))
    yield from one_of({name: value for name, value in spec.items() if value != ""}, at, _VALUES)
    yield from labels(spec.get("nodeSelector"), join(at, "nodeSelector"))
    yield from of_pod(spec, at)
    yield from affinity(spec.get("affinity"), join(at, "affinity"))
    yield from tolerations(spec.get("tolerations"), join(at, "tolerations"))
    yield from spread(spec.get("topologySpreadConstraints"), join(at, "topologySpreadConstraints"))
    yield from _dns(spec, join(at, "dnsConfig"))
    yield from _gates(spec, at)
    yield from _host(spec, at, alone)
    for name, form in _NAMES.items():
        if spec.get(name):
            yield from each(join(at, name), spec[name], form(str(spec[name])))
    deadline = whole(spec.get("activeDeadlineSeconds"))
    if deadline is not None and not 1 <= deadline <= _LONGEST_DEADLINE:
        reason = f"must be between 1 and {_LONGEST_DEADLINE}, inclusive"
        yield invalid(join(at, "activeDeadlineSeconds"), deadline, reason)
    yield from _system(spec, join(at, "os"))
    if alone:
        yield from _alone(spec, at)


def _pod(spec: dict[str, Any], claimed: tuple[str, ...]) -> Pod:
    named = {str(volume.get("name")): volume for _, volume in entries(spec.get("volumes"))}
    named |= {name: {"persistentVolumeClaim": {}} for name in claimed}
    grace = whole(spec.get("terminationGracePeriodSeconds"))
    claims = frozenset(str(item.get("name")) for _, item in entries(spec.get("resourceClaims")))
    return Pod(spec, named, claims, 30 if grace is None else grace, spec.get("hostUsers") is not False)


def _claims(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    seen: set[str] = set()
    for i, claim in entries(spec.get("resourceClaims")):
        place, name = join(at, i), str(claim.get("name") or "")
        if not name:
            yield required(join(place, "name"))
        elif name in seen:
            yield duplicate(join(place, "name"), name)
        else:
            yield from each(join(place, "name"), name, dns_label(name))
        seen.add(name)
        given = [key for key in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(key) is not None]
        if len(given) > 1:
            reason = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid(place, claim, reason)
        elif not given:
            yield invalid(place, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        for field in given:
            yield from each(join(place, field), claim[field], subdomain(str(claim[field])))


def _dns(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    config = spec.get("dnsConfig")
    servers = table(config).get("nameservers") or []
    if spec.get("dnsPolicy") == "None":
        if config is None:
            yield required(at, "must provide `dnsConfig` when `dnsPolicy` is None")
        elif not servers:
            reason = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required(join(at, "nameservers"), reason)
    if len(servers) > 3:
        yield invalid(join(at, "nameservers"), servers, "must not have more than 3 nameservers")
    for i, server in enumerate(servers):
        yield from each(join(join(at, "nameservers"), i), server, ip_problems(server))
    searches = [str(search) for search in table(config).get("searches") or ()]
    if len(searches) > 32:
        yield invalid(join(at, "searches"), searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > _LONGEST_SEARCH:
        reason = f"must not have more than {_LONGEST_SEARCH} characters (including spaces) in the search list"
        yield invalid(join(at, "searches"), searches, reason)
    for i, search in enumerate(searches):
        if search != ".":
            reasons = underscored_subdomain(search.removesuffix("."))
            yield from each(join(join(at, "searches"), i), search, reasons)
    for i, option in entries(table(config).get("options")):
        if not option.get("name"):
            yield required(join(join(at, "options"), i), "must not be empty")


def _gates(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    for i, gate in entries(spec.get("readinessGates")):
        name = str(gate.get("conditionType") or "")
        yield from each(join(join(at, "readinessGates"), i) + ".conditionType", name, qualified_name(name))
    seen: set[str] = set()
    for i, gate in entries(spec.get("schedulingGates")):
        name, place = str(gate.get("name") or ""), join(join(at, "schedulingGates"), i)
        yield from each(place, name, qualified_name(name))
        if name in seen:
            yield duplicate(place, name)
        seen.add(name)


def _host(spec: dict[str, Any], at: str, alone: bool) -> Iterator[Refusal]:
    if spec.get("hostNetwork") is True:
        for i, container in entries(spec.get("containers")):
            for j, port in entries(container.get("ports")):
                host, own = whole(port.get("hostPort")) or 0, whole(port.get("containerPort"))
                # The server sets hostPort where it is not given.
                if host and host != own:
                    place = join(join(join(at, "containers"), i) + ".ports", j) + ".hostPort"
                    yield invalid(place, host, "must match `containerPort` when `hostNetwork` is true")
    if spec.get("hostUsers") is False:
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(name) is True:
                yield forbidden(join(at, name), _NO_HOST)
    for i, alias in entries(spec.get("hostAliases")):
        place = join(join(at, "hostAliases"), i)
        yield from each(join(place, "ip"), alias.get("ip"), ip_problems(alias.get("ip")))
        for j, host in enumerate(alias.get("hostnames") or ()):
            yield from each(join(join(place, "hostnames"), j), host, subdomain(str(host)))


def _system(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    given = spec.get("os")
    if isinstance(given, dict):
        name = given.get("name")
        if not name:
            yield required(join(at, "name"), "cannot be empty")
        elif name not in ("linux", "windows"):
            yield unsupported(at, name, ("linux", "windows"))


def _alone(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    if spec.get("ephemeralContainers"):
        yield forbidden(join(at, "ephemeralContainers"), "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden(join(at, "nodeName"), "cannot be set until all schedulingGates have been cleared")
    for key in ("containers", "initContainers"):
        for i, container in entries(spec.get(key)):
            image = str(container.get("image") or "")
            if image != image.strip():
                place = join(join(at, key), i) + ".image"
                yield invalid(place, image, "must not have leading or trailing whitespace")
