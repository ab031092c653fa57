"""The exact versions, of what is installed here, that something needs, with all they need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from control.errors import PackageError

__all__ = ["pinned"]


def pinned(roots: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    """`name==version` of every root and what it needs, sorted; `without` and what only that needs are left out.

    A root that is given with extras brings what they need. Raises `PackageError` naming what is not installed.
    """
    left_out = {canonicalize_name(name) for name in without}
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if name in left_out or (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            there = distribution(name)
        except PackageNotFoundError as cause:
            raise PackageError(f"{wanted} is not installed here, so its version cannot be pinned") from cause
        # A local label, as of a CPU build, is not a version that an index has.
        found[name] = there.version.partition("+")[0]
        waiting += [one for one in map(Requirement, there.requires or ()) if _applies(one, extras)]
    return [f"{name}=={number}" for name, number in sorted(found.items())]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
