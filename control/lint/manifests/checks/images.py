"""Images: pinned, and alike."""

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
    """Images without a fixed version, and one image in two versions."""
    first: dict[str, tuple[str, str]] = {}
    for template in pods(bundle):
        for path, container, _ in containers(template):
            image = container.get("image")
            if not isinstance(image, str) or not image.strip():
                continue
            name, version = split(image)
            at = join(path, "image")
            if not version or version in MOVING:
                message = f"{image} has {f'the moving tag {version}' if version else 'no tag'}"
                yield template.owner.finding("SLW215", at, message)
                continue
            if "canary" in template.labels.values():
                # The point of a canary is another version.
                continue
            known = first.setdefault(name, (version, template.owner.label))
            if _release(known[0]) != _release(version):
                yield template.owner.finding(
                    "SLW216", at, f"{name} is {version} here and {known[0]} in {known[1]}"
                )


def _release(version: str) -> str:
    """A version without the hardware that it was built for."""
    return _HARDWARE.sub("", version)


def split(image: str) -> tuple[str, str]:
    """`registry:5000/a/b:1@sha256:c` to its name and its version, the digest where there is one."""
    rest, _, digest = image.partition("@")
    folder, _, last = rest.rpartition("/")
    base, _, tag = last.partition(":")
    return (f"{folder}/{base}" if folder else base), digest or tag
