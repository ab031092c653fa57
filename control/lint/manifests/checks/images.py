"""Images: pinned to a version, and to one version of each image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import containers, pods
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import join

__all__ = ["check"]

_HARDWARE = re.compile(r"-(cpu|gpu|cuda[\d.]*)$")
MOVING = ("latest", "main", "master", "edge", "nightly", "stable", "dev")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield images without a fixed version, and images with two versions."""
    first: dict[str, tuple[str, str]] = {}
    for template in pods(bundle):
        for path, container, _ in containers(template):
            image = container.get("image")
            if not isinstance(image, str) or not image.strip():
                continue
            at = join(path, "image")
            if len(image.split()) > 1 or image != image.strip():
                # The server refuses this in a Pod only.
                if template.owner.kind != "Pod":
                    yield template.owner.finding("SLW221", at, f"{image!r} has whitespace")
                continue
            name, version = split(image)
            if not version or version in MOVING:
                message = f"{image} has {f'the moving tag {version}' if version else 'no tag'}"
                yield template.owner.finding("SLW215", at, message)
                continue
            if "canary" in template.labels.values():
                # A canary has another version on purpose.
                continue
            known = first.setdefault(name, (version, template.owner.label))
            if _release(known[0]) != _release(version):
                yield template.owner.finding(
                    "SLW216", at, f"{name} is {version} here and {known[0]} in {known[1]}"
                )


def _release(version: str) -> str:
    """Return a version without the suffix for the hardware."""
    return _HARDWARE.sub("", version)


def split(image: str) -> tuple[str, str]:
    """Split `registry:5000/a/b:1@sha256:c` into name and version. The version is the digest, if there is one."""
    rest, _, digest = image.partition("@")
    folder, _, last = rest.rpartition("/")
    base, _, tag = last.partition(":")
    return (f"{folder}/{base}" if folder else base), digest or tag
