"""Security contexts of pods and containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import subdomain
from control.lint.manifests.server.pods.paths import descending
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

__all__ = ["of_container", "of_pod"]

_OF_LINUX = ("appArmorProfile", "seLinuxOptions", "seccompProfile", "runAsUser", "runAsGroup")
_IN_SPEC = ("hostPID", "hostIPC", "hostUsers", "shareProcessNamespace")
_NOT_FOR = {
    "linux": (("windowsOptions",), ("windowsOptions",)),
    "windows": (
        (*_OF_LINUX, *_IN_SPEC, "fsGroup", "fsGroupChangePolicy", "supplementalGroups", "sysctls"),
        (
            *_OF_LINUX,
            "allowPrivilegeEscalation",
            "capabilities",
            "privileged",
            "procMount",
            "readOnlyRootFilesystem",
        ),
    ),
}
"""Operating system -> the fields that its pods, and their containers, cannot have."""
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_LARGEST_ID = (1 << 31) - 1
_NO_USER = re.compile(r"[\x00-\x1f\x7f\"/:;|=,+*?<>@\[\]]")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")


def of_pod(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check the security context of a pod."""
    body, place = table(spec.get("securityContext")), join(at, "securityContext")
    yield from _common(body, place)
    yield from _ids(body, place, ("fsGroup",))
    for i, group in enumerate(body.get("supplementalGroups") or ()):
        yield from _id(group, join(join(place, "supplementalGroups"), i))
    yield from one_of(
        body,
        place,
        {
            "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
            "supplementalGroupsPolicy": ("Merge", "Strict"),
            "seLinuxChangePolicy": ("MountOption", "Recursive"),
        },
    )
    yield from _system(spec, place)
    if spec.get("shareProcessNamespace") is True and spec.get("hostPID") is True:
        reason = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(join(place, "shareProcessNamespace"), True, reason)
    yield from _sysctls(body, spec, join(place, "sysctls"))
    yield from _host_processes(spec, at)


def _system(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check what pods of an operating system cannot have."""
    name = table(spec.get("os")).get("name")
    fields, container = _NOT_FOR.get(str(name), ((), ()))
    body = table(spec.get("securityContext"))
    reason = f"{'windows options ' if name == 'linux' else ''}cannot be set for a {name} pod"
    for field in fields:
        # Whether the pod shares the host's namespaces stands in its spec, and counts only if it is true.
        value = body.get(field) if field not in _IN_SPEC else spec.get(field)
        if value is not None and (field not in ("hostPID", "hostIPC") or value):
            yield forbidden(join(at, field), reason)
    for kind in ("initContainers", "containers"):
        for i, one in entries(spec.get(kind)):
            given = table(one.get("securityContext"))
            place = join(join(at.rpartition(".")[0], kind), i)
            for field in container:
                if given.get(field) is not None:
                    yield forbidden(join(join(place, "securityContext"), field), reason)


def of_container(container: dict[str, Any], host_users: bool, at: str) -> Iterator[Refusal]:
    """Check the security context of a container; `host_users` is that of its pod."""
    body, place = table(container.get("securityContext")), join(at, "securityContext")
    yield from _common(body, place)
    yield from one_of(body, place, {"procMount": ("Default", "Unmasked")})
    if host_users and body.get("procMount") == "Unmasked":
        yield invalid(join(place, "procMount"), "Unmasked", "`hostUsers` must be false to use `Unmasked`")
    if body.get("allowPrivilegeEscalation") is False:
        if body.get("privileged") is True:
            reason = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid(place, body, reason)
        if "CAP_SYS_ADMIN" in (table(body.get("capabilities")).get("add") or ()):
            reason = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield invalid(place, body, reason)


def _common(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from _ids(body, at, ("runAsUser", "runAsGroup"))
    yield from _profile(body.get("seccompProfile"), join(at, "seccompProfile"), "seccomp", "seccompProfile")
    yield from _profile(body.get("appArmorProfile"), join(at, "appArmorProfile"), "AppArmor", "appArmorProfile")
    yield from _windows(table(body.get("windowsOptions")), join(at, "windowsOptions"))


def _windows(options: dict[str, Any], at: str) -> Iterator[Refusal]:
    spec, user = options.get("gmsaCredentialSpecName"), options.get("runAsUserName")
    if spec is not None:
        yield from each(join(at, "gmsaCredentialSpecName"), spec, subdomain(str(spec)))
    if options.get("gmsaCredentialSpec") == "":
        reason = "gmsaCredentialSpec cannot be an empty string"
        yield invalid(join(at, "gmsaCredentialSpec"), "", reason)
    if isinstance(user, str):
        name = user.rpartition("\\")[2]
        if not name or user.count("\\") > 1 or len(name) > 104 or _NO_USER.search(name) or not name.strip(". "):
            reason = "must be a user of Windows, such as ContainerUser or DOMAIN\\\\user"
            yield invalid(join(at, "runAsUserName"), user, reason)


def _host_processes(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Containers of Windows that are processes of the host are all such containers, and share its network."""
    shared = table(table(spec.get("securityContext")).get("windowsOptions")).get("hostProcess")
    own = [
        table(table(container.get("securityContext")).get("windowsOptions")).get("hostProcess", shared)
        for kind in ("containers", "initContainers")
        for _, container in entries(spec.get(kind))
    ]
    if True in own and spec.get("hostNetwork") is not True:
        reason = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid(join(at, "hostNetwork"), False, reason)
    if True in own and set(own) != {True}:
        reason = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield invalid(at, "", reason)


def _ids(body: dict[str, Any], at: str, names: tuple[str, ...]) -> Iterator[Refusal]:
    for name in names:
        yield from _id(body.get(name), join(at, name))


def _id(value: Any, at: str) -> Iterator[Refusal]:
    number = whole(value)
    if number is not None and not 0 <= number <= _LARGEST_ID:
        yield invalid(at, number, f"must be between 0 and {_LARGEST_ID}, inclusive")


def _profile(given: Any, at: str, system: str, field: str) -> Iterator[Refusal]:
    if not isinstance(given, dict):
        return
    kind, local, place = given.get("type"), given.get("localhostProfile"), join(at, "localhostProfile")
    if not kind:
        yield required(join(at, "type"), f"type is required when {field} is set")
    elif kind not in _PROFILES:
        yield unsupported(join(at, "type"), kind, _PROFILES)
    if kind == "Localhost":
        if local is None:
            yield required(place, f"must be set when {system} type is Localhost")
        elif system == "seccomp":
            yield from descending(str(local), place)
        elif str(local) != str(local).strip():
            yield invalid(place, local, "must not be padded with whitespace")
    elif local is not None:
        yield invalid(place, local, f"can only be set when {system} type is Localhost")


def _sysctls(body: dict[str, Any], spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    seen: set[str] = set()
    for i, item in entries(body.get("sysctls")):
        name, place = str(item.get("name") or ""), join(join(at, i), "name")
        if not name:
            yield required(place)
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            yield invalid(place, name, f"must have at most 253 characters and match regex ^{_SYSCTL.pattern}$")
        elif name in seen:
            yield duplicate(place, name)
        seen.add(name)
        if spec.get("hostNetwork") is True and name.startswith("net."):
            yield invalid(place, name, "may not be specified when 'hostNetwork' is true")
        if spec.get("hostIPC") is True and name.startswith(
            ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
        ):
            yield invalid(place, name, "may not be specified when 'hostIPC' is true")
