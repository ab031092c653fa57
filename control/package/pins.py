"""Pin packages and everything that they need to the versions that are installed here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from control.errors import PackageError

__all__ = ["pinned"]


def pinned(roots: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    """Return `name==version` for every root and everything that it needs, sorted.

    The requirements of a root's extras are included. Packages in `without`, and packages that only these need, are
    left out. Raises `PackageError` that names a package that is not installed.
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
        # An index does not have versions with a local label, such as that of a CPU build.
        found[name] = there.version.partition("+")[0]
        waiting += [one for one in map(Requirement, there.requires or ()) if _applies(one, extras)]
    return [f"{name}=={number}" for name, number in sorted(found.items())]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
