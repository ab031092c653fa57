"""Volumes of a pod: one source each, and what each source needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.claims import claim_spec
from control.lint.manifests.server.formats import dns_label, subdomain
from control.lint.manifests.server.pods.paths import backsteps
from control.lint.manifests.server.pods.projected import files, mode, projections
from control.lint.manifests.server.pods.resources import NO_QUANTITY
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    missing,
    one_of,
    required,
    whole,
)

__all__ = ["volumes"]

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
    if name in ("configMap", "secret"):
        yield from mode(body, at, "defaultMode")
        yield from files(body.get("items"), join(at, "items"))
    elif name in ("projected", "downwardAPI"):
        yield from mode(body, at, "defaultMode")
        yield from projections(name, body, at)
    elif name == "emptyDir":
        yield from _empty(body, at)
    elif name == "hostPath":
        yield from backsteps(str(body.get("path") or ""), join(at, "path"))
    elif name == "nfs" and body.get("path") and not str(body["path"]).startswith("/"):
        yield invalid(join(at, "path"), body["path"], "must be an absolute path")
    elif name == "csi":
        yield from _csi(body, at)
    elif name == "ephemeral" and body.get("volumeClaimTemplate") is not None:
        yield from _ephemeral(table(body["volumeClaimTemplate"]), join(at, "volumeClaimTemplate"))
    elif name == "iscsi":
        yield from _iscsi(body, at)
    elif name in ("awsElasticBlockStore", "gcePersistentDisk"):
        part = whole(body.get("partition")) or 0
        if not 0 <= part <= 255:
            yield invalid(join(at, "partition"), part, "must be between 1 and 255, inclusive")


def _empty(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    size, place = body.get("sizeLimit"), join(at, "sizeLimit")
    if size is not None:
        number = parse(size)
        if number is None:
            yield Refusal(place, NO_QUANTITY)
        elif number < 0:
            yield forbidden(place, "SizeLimit field must be a valid resource quantity")
    medium = str(body.get("medium") or "")
    if medium.startswith("HugePages-") and parse(medium.removeprefix("HugePages-")) is None:
        yield Refusal(join(at, "medium"), NO_QUANTITY)


def _csi(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    driver = str(body.get("driver") or "")
    if driver:
        yield from each(join(at, "driver"), driver, subdomain(driver.lower()))
        if len(driver) > 63:
            yield Refusal(join(at, "driver"), "Too long: may not be more than 63 bytes")
    secret = body.get("nodePublishSecretRef")
    if secret is not None:
        yield from missing(table(secret), join(at, "nodePublishSecretRef"), ("name",))


def _ephemeral(template: dict[str, Any], at: str) -> Iterator[Refusal]:
    for name, value in table(template.get("metadata")).items():
        if name not in ("labels", "annotations") and value:
            yield forbidden(join(at, f"metadata.{name}"), "cannot be set")
    yield from claim_spec(table(template.get("spec")), join(at, "spec"))


def _iscsi(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    name, lun = str(body.get("iqn") or ""), whole(body.get("lun")) or 0
    if name and not name.startswith(("iqn", "eui", "naa")):
        yield invalid(join(at, "iqn"), name, "must be valid format starting with iqn, eui, or naa")
    elif name.startswith("iqn") and not re.match(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$", name):
        yield invalid(join(at, "iqn"), name, "must be valid format")
    if not 0 <= lun <= 255:
        yield invalid(join(at, "lun"), lun, "must be between 0 and 255, inclusive")
    if (body.get("chapAuthDiscovery") or body.get("chapAuthSession")) and body.get("secretRef") is None:
        yield required(join(at, "secretRef"))
