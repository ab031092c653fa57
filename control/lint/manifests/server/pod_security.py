"""Pod Security: what a namespace's level refuses in the pods of that namespace, in the server's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import PodTemplate, pods
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import entries, join, table

__all__ = ["check", "violations"]

ENFORCE = "pod-security.kubernetes.io/enforce"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_BASELINE_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT".split()
)
_RESTRICTED_VOLUMES = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret".split()
)
_SYSCTLS = frozenset(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start "
    "net.ipv4.tcp_syncookies net.ipv4.ping_group_range net.ipv4.ip_local_reserved_ports "
    "net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl "
    "net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem".split()
)
_LABELS_OF_SELINUX = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("RuntimeDefault", "Localhost")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield the pods that the labels of their namespace refuse, where the namespace is among the manifests."""
    levels = {item.name: str(table(item.get("metadata.labels")).get(ENFORCE)) for item in bundle.of("Namespace")}
    for template in pods(bundle):
        level = levels.get(template.owner.namespace, "")
        # KServe builds the pods of its services from their runtimes.
        if level not in ("baseline", "restricted") or template.owner.kind == "InferenceService":
            continue
        if template.role != "runtime":
            yield from _refused(template, level)


def _refused(template: PodTemplate, level: str) -> Iterator[Finding]:
    for path, reason in violations(template.spec, level):
        message = f'violates PodSecurity "{level}:latest": {reason}'
        yield template.owner.finding("SLW220", join(template.path, path) if path else template.path, message)


def violations(spec: dict[str, Any], level: str) -> Iterator[tuple[str, str]]:
    """Yield (path, reason) of what the level baseline or restricted refuses in a pod."""
    yield from _host(spec)
    yield from _volumes(spec, level)
    yield from _pod(spec)
    for path, container in _all(spec):
        yield from _baseline(path, container)
        if level == "restricted":
            yield from _restricted(path, container, spec)


def _all(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in _CONTAINERS:
        for i, container in entries(spec.get(key)):
            yield join(key, i), container


def _host(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name) is True:
            yield name, f"host namespaces ({name}=true)"


def _volumes(spec: dict[str, Any], level: str) -> Iterator[tuple[str, str]]:
    for i, volume in entries(spec.get("volumes")):
        kinds = [kind for kind in volume if kind != "name" and volume[kind] is not None]
        name = volume.get("name")
        if "hostPath" in kinds:
            yield join("volumes", i), f'hostPath volumes (volume "{name}")'
        elif level == "restricted" and set(kinds) - _RESTRICTED_VOLUMES:
            reason = f'restricted volume types (volume "{name}" uses restricted volume type "{kinds[0]}")'
            yield join("volumes", i), reason


def _pod(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    context = table(spec.get("securityContext"))
    for _, item in entries(context.get("sysctls")):
        if item.get("name") not in _SYSCTLS:
            yield "securityContext.sysctls", f"forbidden sysctls ({item.get('name')})"
    yield from _profiles("securityContext", "pod", context)


def _profiles(path: str, what: str, context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("seccompProfile", "appArmorProfile"):
        if table(context.get(field)).get("type") == "Unconfined":
            yield join(path, field), f'{field} ({what} must not set securityContext.{field}.type to "Unconfined")'
    options = table(context.get("seLinuxOptions"))
    if options.get("type", "") not in _LABELS_OF_SELINUX or options.get("user") or options.get("role"):
        yield join(path, "seLinuxOptions"), f"seLinuxOptions ({what} set forbidden securityContext.seLinuxOptions)"


def _baseline(path: str, container: dict[str, Any]) -> Iterator[tuple[str, str]]:
    what, context, at = _named(container), table(container.get("securityContext")), join(path, "securityContext")
    if context.get("privileged") is True:
        yield join(at, "privileged"), f"privileged ({what} must not set securityContext.privileged=true)"
    added = [str(name) for name in table(context.get("capabilities")).get("add") or ()]
    for name in added:
        if name.removeprefix("CAP_") not in _BASELINE_CAPABILITIES:
            reason = (
                f'non-default capabilities ({what} must not include "{name}" in securityContext.capabilities.add)'
            )
            yield join(at, "capabilities.add"), reason
    if context.get("procMount") not in (None, "Default"):
        yield join(at, "procMount"), f"procMount ({what} must not set securityContext.procMount)"
    yield from _profiles(at, what, context)
    for i, port in entries(container.get("ports")):
        if port.get("hostPort"):
            yield join(join(path, "ports"), i), f"hostPort ({what} uses hostPort {port['hostPort']})"
    for name in _PROBES:
        for kind in ("httpGet", "tcpSocket"):
            if table(table(container.get(name)).get(kind)).get("host"):
                yield join(path, f"{name}.{kind}.host"), f"probe or lifecycle host ({what} uses a probe host)"


def _restricted(path: str, container: dict[str, Any], spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    what, at = _named(container), join(path, "securityContext")
    own, shared = table(container.get("securityContext")), table(spec.get("securityContext"))
    if own.get("allowPrivilegeEscalation") is not False:
        words = f"{what} must set securityContext.allowPrivilegeEscalation=false"
        yield join(at, "allowPrivilegeEscalation"), f"allowPrivilegeEscalation != false ({words})"
    capabilities = table(own.get("capabilities"))
    if "ALL" not in (capabilities.get("drop") or ()):
        words = f'{what} must set securityContext.capabilities.drop=["ALL"]'
        yield join(at, "capabilities.drop"), f"unrestricted capabilities ({words})"
    more = [name for name in capabilities.get("add") or () if name != "NET_BIND_SERVICE"]
    if more:
        words = f"{what} must not include {more} in securityContext.capabilities.add"
        yield join(at, "capabilities.add"), f"unrestricted capabilities ({words})"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        words = f"pod or {what} must set securityContext.runAsNonRoot=true"
        yield join(at, "runAsNonRoot"), f"runAsNonRoot != true ({words})"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield join(at, "runAsUser"), f"runAsUser=0 ({what} must not set runAsUser=0)"
    profile = table(own.get("seccompProfile", shared.get("seccompProfile"))).get("type")
    if profile not in _PROFILES:
        words = f'pod or {what} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        yield join(at, "seccompProfile"), f"seccompProfile ({words})"


def _named(container: dict[str, Any]) -> str:
    return f'container "{container.get("name")}"'
