"""References: the object that a field names must exist, or be declared to exist elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import PodTemplate, containers, pods
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, plain, table

__all__ = ["check"]

_VERSION = re.compile(r"(^|/)v\d+((alpha|beta)\d+)?$")
BUILT_IN_CLASSES = ("system-cluster-critical", "system-node-critical")


@dataclass(frozen=True)
class _Named:
    """A reference: its path, the object that it names, and a key of that object."""

    path: str
    kind: str
    name: Any
    key: Any = None
    optional: bool = False


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield references of pods, bindings and Ingresses to objects that do not exist."""
    secrets = _made_secrets(bundle)
    for template in pods(bundle):
        for item in _of_pod(template):
            yield from _resolve(template.owner, bundle, item, secrets)
        yield from _classes(template, bundle)
    for resource in bundle.resources:
        for item in _of_object(resource):
            yield from _resolve(resource, bundle, item, secrets)
    for binding in bundle.of("RoleBinding", "ClusterRoleBinding"):
        yield from _binding(binding, bundle)
    for role in bundle.of("Role", "ClusterRole"):
        yield from _granted(role)


def _of_pod(template: PodTemplate) -> Iterator[_Named]:
    for path, container, _ in containers(template):
        for i, item in entries(container.get("env")):
            for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                found = dig(item, f"valueFrom.{key}")
                if isinstance(found, dict):
                    at = f"{join(join(path, 'env'), i)}.valueFrom.{key}"
                    yield _Named(at, kind, found.get("name"), found.get("key"), bool(found.get("optional")))
        for i, item in entries(container.get("envFrom")):
            for key, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                found = item.get(key)
                if isinstance(found, dict):
                    at = f"{join(join(path, 'envFrom'), i)}.{key}"
                    yield _Named(at, kind, found.get("name"), optional=bool(found.get("optional")))
    for i, volume in entries(template.spec.get("volumes")):
        yield from _of_volume(join(join(template.path, "volumes"), i), volume)
    for i, item in entries(template.spec.get("imagePullSecrets")):
        yield _Named(join(join(template.path, "imagePullSecrets"), i), "Secret", item.get("name"))


def _of_volume(at: str, volume: dict[str, Any]) -> Iterator[_Named]:
    sources = [
        (at, volume),
        *((f"{at}.projected.sources[{i}]", s) for i, s in entries(dig(volume, "projected.sources"))),
    ]
    for place, source in sources:
        for key, kind, name in (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name")):
            found = source.get(key)
            if isinstance(found, dict):
                given = found.get(name) or found.get("name")
                optional = bool(found.get("optional"))
                yield _Named(f"{place}.{key}", kind, given, optional=optional)
                for j, item in entries(found.get("items")):
                    yield _Named(f"{place}.{key}.items[{j}]", kind, given, item.get("key"), optional)
    claim = volume.get("persistentVolumeClaim")
    if isinstance(claim, dict):
        yield _Named(f"{at}.persistentVolumeClaim", "PersistentVolumeClaim", claim.get("claimName"))


def _of_object(resource: Resource) -> Iterator[_Named]:
    if resource.kind == "Ingress":
        for i, item in entries(resource.get("spec.tls")):
            if item.get("secretName"):
                yield _Named(f"spec.tls[{i}].secretName", "Secret", item["secretName"])
    if resource.kind == "Gateway":
        for i, listener in entries(resource.get("spec.listeners")):
            for j, item in entries(dig(listener, "tls.certificateRefs")):
                if item.get("kind", "Secret") == "Secret" and not item.get("namespace"):
                    yield _Named(f"spec.listeners[{i}].tls.certificateRefs[{j}]", "Secret", item.get("name"))
    if resource.kind == "TriggerAuthentication":
        for i, item in entries(resource.get("spec.secretTargetRef")):
            yield _Named(f"spec.secretTargetRef[{i}]", "Secret", item.get("name"), item.get("key"))


def _made_secrets(bundle: Bundle) -> set[str]:
    """Return the names of the Secrets that operators create for other objects."""
    made = {str(item.get("spec.secretName")) for item in bundle.of("Certificate")}
    made |= {str(item.get("spec.target.name") or item.name) for item in bundle.of("ExternalSecret")}
    return made | {item.name for item in bundle.of("SealedSecret")}


def _resolve(owner: Resource, bundle: Bundle, item: _Named, secrets: set[str]) -> Iterator[Finding]:
    name = str(item.name)
    if item.optional or item.name is None or bundle.declared(item.kind, name):
        return
    found = bundle.find(item.kind, name, owner.namespace)
    if found is None:
        if item.kind == "Secret" and name in secrets:
            return
        id = "SLW504" if item.kind == "PersistentVolumeClaim" else "SLW501"
        yield owner.finding(id, item.path, f"there is no {item.kind} {name}")
    elif item.key is not None and plain(item.key) not in _keys(found):
        yield owner.finding("SLW502", f"{item.path}.key", f"the {item.kind} {name} has no key {item.key}")


def _keys(found: Resource) -> set[str]:
    return {key for part in ("data", "stringData", "binaryData") for key in table(found.get(part))}


def _classes(template: PodTemplate, bundle: Bundle) -> Iterator[Finding]:
    account = template.spec.get("serviceAccountName")
    if isinstance(account, str) and account not in ("", "default"):
        found = bundle.find("ServiceAccount", account, template.owner.namespace)
        if found is None and not bundle.declared("serviceaccount", account):
            at = join(template.path, "serviceAccountName")
            yield template.owner.finding("SLW503", at, f"there is no ServiceAccount {account}")
    name = template.spec.get("priorityClassName")
    if isinstance(name, str) and name and name not in BUILT_IN_CLASSES:
        if bundle.find("PriorityClass", name) is None and not bundle.declared("priorityclass", name):
            at = join(template.path, "priorityClassName")
            yield template.owner.finding("SLW506", at, f"there is no PriorityClass {name}")


def _binding(binding: Resource, bundle: Bundle) -> Iterator[Finding]:
    kind, name = str(binding.get("roleRef.kind")), str(binding.get("roleRef.name"))
    # Cluster roles such as `view` exist on every cluster.
    if kind == "Role" and bundle.find(kind, name, binding.namespace) is None and not bundle.declared(kind, name):
        yield binding.finding("SLW505", "roleRef", f"there is no {kind} {name}")
    for i, subject in entries(binding.get("subjects")):
        if subject.get("kind") != "ServiceAccount" or subject.get("name") == "default":
            continue
        account = str(subject.get("name"))
        found = bundle.find("ServiceAccount", account, str(subject.get("namespace") or ""))
        if found is None and not bundle.declared("serviceaccount", account):
            yield binding.finding("SLW505", join("subjects", i), f"there is no ServiceAccount {account}")


def _granted(role: Resource) -> Iterator[Finding]:
    """Yield groups with a version and kinds in place of resources, which the server takes as they are."""
    for i, rule in entries(role.get("rules")):
        at = join("rules", i)
        for name in _texts(rule.get("apiGroups")):
            if _VERSION.search(name):
                yield role.finding("SLW507", f"{at}.apiGroups", f"{name!r} is not a group but a version")
        for name in _texts(rule.get("resources")):
            if name != name.lower():
                yield role.finding("SLW507", f"{at}.resources", f"{name!r} is not in lower case")


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
