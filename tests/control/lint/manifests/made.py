"""Objects from a few lines of YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.manifests.edit import Change
from benchmarks.manifests.measure import good
from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle, Origin, Resource
from control.lint.manifests.strict_yaml import read

Check = Callable[[Bundle], Iterator[Finding]]


def bundle(text: str, *external: str) -> Bundle:
    """All documents of a text, applied together."""
    origin = Origin("here", "here.yaml")
    return Bundle([Resource(document.value, origin) for document in read(text)], external)


def good_bundle(target: str = "", change: Change | None = None) -> Bundle:
    """The corpus's good manifests, with one of them changed."""
    objects = good()
    if change is not None:
        change(objects[target])
    return Bundle([Resource(body, Origin("", "")) for body in objects.values()])


def found(check: Check, what: Bundle) -> list[tuple[str, str]]:
    """(rule, field) of a check's findings."""
    return [(finding.id, finding.field) for finding in check(what)]
