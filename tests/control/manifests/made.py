"""Objects from a few lines of YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.manifests.edit import Change
from benchmarks.manifests.measure import good
from control.manifests.finding import Finding
from control.manifests.resource import Bundle, Place, Resource
from control.manifests.strict import read

Check = Callable[[Bundle], Iterator[Finding]]


def bundle(text: str, *external: str) -> Bundle:
    """All documents of a text, applied together."""
    place = Place("here", "here.yaml")
    return Bundle([Resource(document.value, place) for document in read(text)], external)


def good_bundle(target: str = "", change: Change | None = None) -> Bundle:
    """The corpus's good manifests, with one of them changed."""
    objects = good()
    if change is not None:
        change(objects[target])
    return Bundle([Resource(body, Place("", "")) for body in objects.values()])


def found(check: Check, what: Bundle) -> list[tuple[str, str]]:
    """(rule, field) of a check's findings."""
    return [(finding.id, finding.field) for finding in check(what)]
