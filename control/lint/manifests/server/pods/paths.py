"""Paths that must stay below a folder."""

from __future__ import annotations

from collections.abc import Iterator

from control.lint.manifests.server.refusal import Refusal, invalid

__all__ = ["backsteps", "descending", "local"]


def backsteps(path: str, at: str) -> Iterator[Refusal]:
    """Refuse `..` as a part of a path."""
    if ".." in path.split("/"):
        yield invalid(at, path, "must not contain '..'")


def descending(path: str, at: str) -> Iterator[Refusal]:
    """Refuse absolute paths and `..`."""
    if path.startswith("/"):
        yield invalid(at, path, "must be a relative path")
    yield from backsteps(path, at)


def local(path: str, at: str) -> Iterator[Refusal]:
    """Refuse absolute paths and names that begin with `..`."""
    yield from descending(path, at)
    if path.startswith("..") and not path.startswith("../"):
        yield invalid(at, path, "must not start with '..'")
