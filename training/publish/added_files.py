"""The files beside the versions of an added model: an app has them in its package, an added model has none.

They are in the model repository, and each version's run keeps a copy in the registry.

Two versions of an added model may have different tensors, and `config.pbtxt` has those of the champion. Triton
loads the versions that have the same ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from serving.kernel.added.app import added_app
from serving.kernel.added.find import find_added
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import CONFIG_NAME, Manifest
from training.onnx.config_pbtxt import HEADER
from training.publish import repository as files
from training.registry.mlflow_registry import Registry

__all__ = ["ADDED_NAMES", "CARD", "VALUES", "fetch", "keep", "write_config"]

CARD, VALUES = "README.md", "values.yaml"
ADDED_NAMES = (VALUES, CARD)
"""In the order of writing."""
FOLDER_HEADER = (
    "# From the folder that `slipway add` was given. Do not edit: change the folder, and add it again.\n"
)
"""How the `config.pbtxt` of a version from a folder begins."""
FOLDER = "beside"
"""The artifact folder of a run."""


def keep(registry: Registry, run_id: str, beside: Mapping[str, bytes]) -> None:
    """Store the files with the run. Raises `RegistryError`."""
    with tempfile.TemporaryDirectory(prefix="slipway-beside-") as folder:
        for name, content in beside.items():
            (Path(folder) / name).write_bytes(content)
        registry.log_folder(run_id, Path(folder), FOLDER)


def fetch(registry: Registry, repository: Path, name: str, run_id: str) -> None:
    """Write the files of a run that the repository lacks; those that are there stay. Raises `RegistryError`."""
    with tempfile.TemporaryDirectory(prefix="slipway-beside-") as folder:
        found = registry.fetch(run_id, FOLDER, Path(folder))
        kept = sorted(path for path in found.iterdir() if path.is_file()) if found is not None else []
        missing = {path.name: path.read_bytes() for path in kept if not (repository / name / path.name).exists()}
        if missing:
            files.write_app_files(repository, name, missing)


def write_config(
    repository: Path, name: str, coming: Manifest | None = None, servable: Path | None = None
) -> None:
    """Write the `config.pbtxt` that fits the champion of an added model; nothing for an app.

    `coming` is a version that is about to be published, and `servable` has its files. A file that somebody else
    wrote stays.
    """
    app = find_added(repository, name)
    if app is None and coming is not None:
        app = added_app(coming, repository / name)
    path = repository / name / CONFIG_NAME
    if app is None or (path.exists() and not path.read_text().startswith((HEADER, FOLDER_HEADER))):
        return
    every = [*_manifests(Repository(repository), name), *([coming] if coming is not None else [])]
    if any(CONFIG_NAME in one.files for one in every):
        _copy_config(Repository(repository), name, servable)
        return
    fitting = [one.version for one in every if (one.inputs, one.outputs) == (app.inputs, app.outputs)]
    files.write_config(repository, app, fitting if len(fitting) < len(every) else ())


def _copy_config(repository: Repository, name: str, servable: Path | None) -> None:
    """Copy the `config.pbtxt` of the champion, which came with its folder, or else of the newest version."""
    with suppress(Refused):
        numbers = repository.versions(name)
        champion = repository.aliases(name).champion
        chosen = champion if champion in numbers else max(numbers, default=0)
        folder = repository.folder(name, chosen) if chosen else servable
        content = (folder / CONFIG_NAME).read_bytes() if folder is not None else b""
        path = repository.root / name / CONFIG_NAME
        if content and not (path.exists() and path.read_bytes() == content):
            files.write_app_files(repository.root, name, {CONFIG_NAME: content})


def _manifests(repository: Repository, name: str) -> Iterator[Manifest]:
    for number in repository.versions(name):
        # A damaged version concerns itself alone.
        with suppress(Refused):
            yield repository.manifest(name, number)
