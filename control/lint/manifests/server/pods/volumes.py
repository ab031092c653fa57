"""Volumes of a pod: one source each, and what each source needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.claims import claim_spec
from control.lint.manifests.server.formats import dns_label, subdomain
from control.lint.manifests.server.meta import labels, notes
from control.lint.manifests.server.pods.paths import backsteps, descending
from control.lint.manifests.server.pods.projected import files, mode, projections
from control.lint.manifests.server.pods.resources import NO_QUANTITY
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    key,
    missing,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["of_volume", "volumes"]

NEEDED: dict[str, tuple[str, ...]] = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "configMap": ("name",),
    "csi": ("driver",),
    "downwardAPI": (),
    "emptyDir": (),
    "ephemeral": ("volumeClaimTemplate",),
    "fc": (),
    "flexVolume": ("driver",),
    "flocker": (),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "hostPath": ("path",),
    "image": (),
    "iscsi": ("targetPortal", "iqn"),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "projected": (),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "secret": ("secretName",),
    "storageos": ("volumeName",),
    "vsphereVolume": ("volumePath",),
}
"""Source of a volume -> the fields that it needs."""
OF_CLUSTER: dict[str, tuple[str, ...]] = {"csi": ("driver", "volumeHandle"), "local": ("path",)}
"""The same for the sources of PersistentVolumes that differ."""
HOST_PATHS = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "hostPath": {"type": HOST_PATHS},
    "azureDisk": {"cachingMode": ("None", "ReadOnly", "ReadWrite"), "kind": ("Dedicated", "Managed", "Shared")},
    "image": {"pullPolicy": ("Always", "IfNotPresent", "Never")},
}


def volumes(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check the volumes of a pod."""
    seen: set[str] = set()
    for i, volume in entries(spec.get("volumes")):
        place = join(join(at, "volumes"), i)
        name = str(volume.get("name") or "")
        if not name:
            yield required(join(place, "name"))
        else:
            problems = dns_label(name)
            yield from each(join(place, "name"), name, problems)
            if not problems and name in seen:
                yield duplicate(join(place, "name"), name)
        seen.add(name)
        yield from _source(volume, place)


def of_volume(name: str, body: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check the source of a PersistentVolume."""
    yield from missing(body, at, OF_CLUSTER.get(name, NEEDED.get(name, ())))
    yield from one_of(body, at, VALUES.get(name, {}))
    yield from _more(name, body, at)
    for field, secret in body.items():
        if name == "csi" and field.endswith("SecretRef"):
            yield from missing(table(secret), join(at, field), ("name", "namespace"))


def _source(volume: dict[str, Any], at: str) -> Iterator[Refusal]:
    present = [name for name in volume if name in NEEDED and volume[name] is not None]
    # Without a source, the server makes it an emptyDir.
    for name in present[1:]:
        yield forbidden(join(at, name), "may not specify more than 1 volume type")
    for name in present[:1]:
        body, place = table(volume[name]), join(at, name)
        yield from missing(body, place, NEEDED[name])
        yield from one_of(body, place, VALUES.get(name, {}))
        yield from _more(name, body, place)


def _more(name: str, body: dict[str, Any], at: str) -> Iterator[Refusal]:
    check = _CHECKS.get(name)
    if check is not None:
        yield from check(body, at)


def _files(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from mode(body, at, "defaultMode")
    yield from files(body.get("items"), join(at, "items"))


def _projected(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from mode(body, at, "defaultMode")
    yield from projections("projected", body, at)


def _downward(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from mode(body, at, "defaultMode")
    yield from projections("downwardAPI", body, at)


def _empty(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    size, place = body.get("sizeLimit"), join(at, "sizeLimit")
    if size is not None:
        number = parse(size)
        if number is None:
            yield Refusal(place, NO_QUANTITY)
        elif number < 0:
            yield forbidden(place, "SizeLimit field must be a valid resource quantity")


def _path(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from backsteps(str(body.get("path") or ""), join(at, "path"))


def _nfs(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    if body.get("path") and not str(body["path"]).startswith("/"):
        yield invalid(join(at, "path"), body["path"], "must be an absolute path")


def _disk(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    part = whole(body.get("partition")) or 0
    if not 0 <= part <= 255:
        yield invalid(join(at, "partition"), part, "must be between 1 and 255, inclusive")


def _azure(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind, address = body.get("kind") or "Shared", str(body.get("diskURI") or "")
    begin = "/subscriptions/" if kind == "Managed" else "https://"
    if address and not address.startswith(begin):
        yield unsupported(join(at, "diskURI"), address, (f"{begin}...",))


def _git(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from descending(str(body.get("directory") or ""), join(at, "directory"))


def _flex(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    for option in table(body.get("options")):
        domain = f".{option.split('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            place = key(join(at, "options"), option)
            yield invalid(place, option, "kubernetes.io and k8s.io namespaces are reserved")


def _fibre(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    targets, ids, place = body.get("targetWWNs"), body.get("wwids"), join(at, "targetWWNs")
    if not targets and not ids:
        yield required(place, "must specify either targetWWNs or wwids, but not both")
    elif targets and ids:
        yield invalid(place, targets, "targetWWNs and wwids can not be specified simultaneously")
    if targets:
        lun = whole(body.get("lun"))
        if lun is None:
            yield required(join(at, "lun"), "lun is required if targetWWNs is specified")
        elif not 0 <= lun <= 255:
            yield invalid(join(at, "lun"), lun, "must be between 0 and 255, inclusive")


def _flocker(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    name, id = str(body.get("datasetName") or ""), body.get("datasetUUID")
    if not name and not id:
        yield required(at, "one of datasetName and datasetUUID is required")
    elif name and id:
        yield invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in name:
        yield invalid(join(at, "datasetName"), name, "must not contain '/'")


def _quobyte(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    hosts = str(body.get("registry") or "")
    if hosts and not all(re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*):[^:]*", host) for host in hosts.split(",")):
        reason = "must be a host:port pair or multiple pairs separated by commas"
        yield invalid(join(at, "registry"), hosts, reason)


def _storage_os(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    for field in ("volumeName", "volumeNamespace"):
        if body.get(field):
            yield from each(join(at, field), body[field], dns_label(str(body[field])))
    yield from _secret(body, at)


def _secret(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    if isinstance(body.get("secretRef"), dict):
        yield from missing(body["secretRef"], join(at, "secretRef"), ("name",))


def _csi(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    driver, secret = str(body.get("driver") or ""), body.get("nodePublishSecretRef")
    if driver:
        yield from each(join(at, "driver"), driver, subdomain(driver.lower()))
        if len(driver) > 63:
            yield Refusal(join(at, "driver"), "Too long: may not be more than 63 bytes")
    if secret is not None:
        place, name = join(at, "nodePublishSecretRef"), str(table(secret).get("name") or "")
        yield from missing(table(secret), place, ("name",))
        yield from each(join(place, "name"), name, subdomain(name) if name else ())


def _ephemeral(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    template, place = body.get("volumeClaimTemplate"), join(at, "volumeClaimTemplate")
    if not isinstance(template, dict):
        return
    meta = table(template.get("metadata"))
    for name, value in meta.items():
        if name not in ("labels", "annotations") and value:
            yield forbidden(join(place, f"metadata.{name}"), "cannot be set")
    yield from labels(meta.get("labels"), join(place, "metadata.labels"))
    yield from notes(meta.get("annotations"), join(place, "metadata.annotations"))
    yield from claim_spec(table(template.get("spec")), join(place, "spec"))


def _iscsi(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    lun = whole(body.get("lun")) or 0
    for field in ("iqn", "initiatorName"):
        name = str(body.get(field) or "")
        if name and not name.startswith(("iqn", "eui", "naa")):
            yield invalid(join(at, field), name, "must be valid format starting with iqn, eui, or naa")
        elif name and not re.search(_INITIATORS[name[:3]], name, re.ASCII):
            yield invalid(join(at, field), name, "must be valid format")
    if not 0 <= lun <= 255:
        yield invalid(join(at, "lun"), lun, "must be between 0 and 255, inclusive")
    if (body.get("chapAuthDiscovery") or body.get("chapAuthSession")) and body.get("secretRef") is None:
        yield required(join(at, "secretRef"))


_INITIATORS = {
    "iqn": r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$",
    "eui": r"^eui.[A-Za-z0-9]{16}$",
    "naa": r"^naa.[A-Za-z0-9]{32}$",
}
_CHECKS: dict[str, Callable[[dict[str, Any], str], Iterator[Refusal]]] = {
    "awsElasticBlockStore": _disk,
    "azureDisk": _azure,
    "cinder": _secret,
    "configMap": _files,
    "csi": _csi,
    "downwardAPI": _downward,
    "emptyDir": _empty,
    "ephemeral": _ephemeral,
    "fc": _fibre,
    "flexVolume": _flex,
    "flocker": _flocker,
    "gcePersistentDisk": _disk,
    "gitRepo": _git,
    "hostPath": _path,
    "iscsi": _iscsi,
    "local": _path,
    "nfs": _nfs,
    "projected": _projected,
    "quobyte": _quobyte,
    "secret": _files,
    "storageos": _storage_os,
}
"""Source of a volume -> what the server checks beyond the fields that it needs."""
