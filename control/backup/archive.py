"""Make and restore backups. `backup.json` is written last, so every file that it lists exists.

<target>/databases/<name>.dump   MLflow's database and that of the collections
         artifacts/              MLflow's artifacts
         model-repository/       as `slipway repository sync` copies it
         backup.json             digests of the databases and artifacts
"""

from __future__ import annotations

import shutil
import time
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import msgspec

from control.backup import databases
from control.errors import StackError
from control.settings import StackSettings
from control.stack import liveness
from control.stack.files.layout import Layout
from control.stack.parts import DATABASES
from control.stack.temporary_stack import ensure
from serving.kernel.storage.version_manifest import FileDigest, digest_file
from training.data.storage import Location
from training.fit.scratch import scratch
from training.publish.repository_copy import apps_of, copy

__all__ = ["Backup", "backup", "restore"]

INDEX = "backup.json"
REPOSITORY = "model-repository"
PREFIX = "slipway-backup-"
"""Of the folder for dumps. What a killed command left there is removed by the next backup or restore."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """`backup.json`."""

    format: int = 1
    slipway: str
    created: str
    files: dict[str, FileDigest]


def backup(settings: StackSettings, target: str) -> Backup:
    """Back up databases, artifacts and model repository to an empty folder or bucket. The stack may be running.

    Raises `StackError`, and the errors of copying a model repository.
    """
    location = Location.of(target)
    if location.files():
        raise StackError(f"{target} is not empty; give an empty folder or bucket prefix")
    files: dict[str, FileDigest] = {}
    with scratch(PREFIX) as folder:
        with ensure(settings, {"postgres"}) as state:
            for name in DATABASES:
                path = folder / f"{name}.dump"
                databases.dump(state.dsn(name), path)
                files[f"databases/{name}.dump"] = _send(location, path, f"databases/{name}.dump")
    # After the databases: MLflow writes an artifact before the database refers to it.
    artifacts = Layout.of(settings.home).artifacts
    for path in sorted(path for path in artifacts.rglob("*") if path.is_file()):
        name = f"artifacts/{path.relative_to(artifacts).as_posix()}"
        files[name] = _send(location, path, name)
    if apps_of(str(settings.model_repository)):
        copy(str(settings.model_repository), f"{target.rstrip('/')}/{REPOSITORY}")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    made = Backup(slipway=version("slipway"), created=now, files=files)
    location.write(INDEX, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return made


def restore(settings: StackSettings, source: str) -> Backup:
    """Restore a backup into a home folder whose stack is not running, and its versions into the model repository.

    Checks every file before it changes anything. Raises `StackError`, and the errors of copying versions.
    """
    if liveness.running(settings.home) is not None:
        raise StackError(f"the stack in {settings.home} is running: `slipway down`, or set another SLIPWAY_HOME")
    location = Location.of(source)
    found = _index(location)
    layout = Layout.of(settings.home)
    with scratch(PREFIX) as folder:
        for name, digest in found.files.items():
            location.fetch(name, folder / name)
            if digest_file(folder / name) != digest:
                raise StackError(f"{source}/{name} does not match its digest in {INDEX}; nothing was changed")
        with ensure(settings, {"postgres"}) as state:
            for name in DATABASES:
                if not databases.empty(state.dsn(name)):
                    raise StackError(f"{settings.home}: the database {name} is in use; set another SLIPWAY_HOME")
            for name in DATABASES:
                databases.load(state.dsn(name), folder / f"databases/{name}.dump")
        if (folder / "artifacts").is_dir():
            shutil.copytree(folder / "artifacts", layout.artifacts, dirs_exist_ok=True)
    kept = f"{source.rstrip('/')}/{REPOSITORY}"
    if apps_of(kept):
        copy(kept, str(settings.model_repository))
    return found


def _send(location: Location, path: Path, name: str) -> FileDigest:
    location.send(path, name)
    return digest_file(path)


def _index(location: Location) -> Backup:
    content = location.read(INDEX)
    if content is None:
        raise StackError(f"{location.shown} has no complete backup: {INDEX} is missing")
    try:
        found = msgspec.json.decode(content, type=Backup)
    except msgspec.MsgspecError as cause:
        raise StackError(f"{location.shown}/{INDEX}: {cause}") from cause
    wanted = {f"databases/{name}.dump" for name in DATABASES}
    for name in sorted(wanted - found.files.keys()):
        raise StackError(f"{location.shown}/{INDEX} does not list {name}")
    for name in found.files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise StackError(f"{location.shown}/{INDEX}: the file name {name!r} points outside the backup")
    return found
