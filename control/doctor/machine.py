"""Checks of ports, disk, limits, and of the versions that are served."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from control.doctor.finding import Finding, State
from control.settings import PORTS, StackSettings
from control.stack import liveness
from control.stack.ports import is_free
from control.stack.processes import holder
from serving.kernel.settings import SettingsError, variable
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused

__all__ = ["disk", "limits", "ports", "versions"]

LEAST_DISK, LITTLE_DISK = 1 << 30, 5 << 30
LITTLE_MEMORY = 2 << 30
OWN_FILES = 1024
"""Open files of a gateway beside its connections."""


def ports(settings: StackSettings) -> Iterator[Finding]:
    """Whether the stack's ports are free, or held by the stack itself."""
    if liveness.running(settings.home) is not None:
        yield Finding("ports", "ok", "the local stack runs on them")
        return
    wanted = {name: getattr(settings, name) for names in PORTS.values() for name in names}
    taken = {name: port for name, port in wanted.items() if port and not is_free(port)}
    for name, port in taken.items():
        text = f"port {port} is in use by {holder(port)}"
        yield Finding("ports", "error", text, f"end that process, or set {variable(name)} to another port")
    if not taken:
        yield Finding("ports", "ok", "those of the local stack are free")


def disk(settings: StackSettings) -> Iterator[Finding]:
    """Whether there is room for versions, databases and logs."""
    for name, place in (("SLIPWAY_HOME", settings.home), ("SLIPWAY_MODEL_REPOSITORY", settings.model_repository)):
        free = shutil.disk_usage(_existing(place)).free
        text = f"{free / 2**30:.1f} GiB are free for {place}"
        if free >= LITTLE_DISK:
            yield Finding("disk", "ok", text)
        else:
            state: State = "error" if free < LEAST_DISK else "warning"
            yield Finding("disk", state, text, f"remove what is not needed, or set {name} to a larger disk")


def limits(settings: StackSettings) -> Iterator[Finding]:
    """Whether a gateway gets the connections and the memory that it may use."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + OWN_FILES
    if files != resource.RLIM_INFINITY and files < wanted:
        text = f"a process may open {files} files, and SLIPWAY_MAX_CONNECTIONS needs {wanted}"
        yield Finding("limits", "warning", text, f"ulimit -n {wanted}, or set SLIPWAY_MAX_CONNECTIONS lower")
    else:
        yield Finding("limits", "ok", "a process may open as many files as connections are allowed")
    memory = psutil.virtual_memory().available
    if memory < LITTLE_MEMORY:
        text = f"{memory / 2**30:.1f} GiB of memory are free; the local stack needs about two"
        yield Finding("limits", "warning", text, "end what is not needed")


def versions(settings: StackSettings) -> Iterator[Finding]:
    """Whether the version of each model that answers is what was published, and signed where that is needed."""
    try:
        repository = Repository(settings.model_repository, Signatures.of(settings))
    except SettingsError:
        return  # the check of the signatures says why
    whole = 0
    for name in repository.models():
        numbers = repository.versions(name)
        if not numbers:
            continue
        try:
            champion = repository.aliases(name).champion
            repository.verify(name, champion if champion is not None else max(numbers))
            whole += 1
        except Refused as refusal:
            advice = f"slipway repository sync {name} restores it from the registry"
            yield Finding("versions", "error", f"{name}: {refusal}", advice)
    if whole:
        yield Finding("versions", "ok", f"those of {whole} models that answer are as published")
    elif not repository.models():
        yield Finding(
            "versions", "warning", f"{settings.model_repository} has none", "slipway train, or slipway add"
        )


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above that exists."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())
