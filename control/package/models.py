"""Copy the part of the model repository that a package needs: one complete version and its configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

from control.errors import PackageError
from control.lint.triton.lint import CONFIG, lint
from control.lint.triton.output import sentence
from control.package.chosen import Chosen
from serving.kernel.app_values import load_values
from serving.kernel.storage.version_files import Refused, encode_aliases, verify_folder
from serving.kernel.storage.version_manifest import ALIASES_NAME, MANIFEST_NAME, Aliases
from training.onnx.config_pbtxt import HEADER, config_pbtxt
from training.publish.added_files import ADDED_NAMES
from training.publish.parts import PARTS, parts_of

__all__ = ["copy_version", "lint_copy"]


def copy_version(chosen: Chosen, target: Path, *, champion: bool = False) -> Path:
    """Copy the version and `config.pbtxt` into the repository `target`, and return the app's folder in it.

    Copies only the files that the manifest lists, what an added model has beside its versions, and the models that
    it uses in Triton. With `champion`, the version is champion in the copy. Raises `PackageError` if the copied
    files do not match their digests.
    """
    app = target / chosen.app.name
    version = app / str(chosen.version)
    for name in [MANIFEST_NAME, *chosen.manifest.files]:
        file = version / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(chosen.folder / name, file)
    try:
        verify_folder(version, chosen.manifest)
    except Refused as cause:
        raise PackageError(
            f"{chosen.app.name} version {chosen.version} changed while it was copied: {cause}"
        ) from cause
    (app / CONFIG).write_text(_config(chosen))
    if chosen.app.home is not None:
        _copy_beside(chosen.app.home, app)
    for name in sorted(parts_of(chosen.manifest.files)):
        shutil.copytree(version / PARTS / name, target / name)
    if champion:
        (app / ALIASES_NAME).write_bytes(encode_aliases(Aliases(champion=chosen.version)))
    return app


def _config(chosen: Chosen) -> str:
    """The configuration that fits the version; of an added model, what somebody else wrote stays."""
    own = chosen.app.home / CONFIG if chosen.app.home is not None else None
    if own is not None and own.is_file() and not (text := own.read_text()).startswith(HEADER):
        return text
    return config_pbtxt(chosen.app, load_values(chosen.app.folder))


def _copy_beside(home: Path, target: Path) -> None:
    """Copy the settings and the card of an added model, as far as they exist."""
    for name in ADDED_NAMES:
        if (home / name).is_file():
            shutil.copyfile(home / name, target / name)


def lint_copy(repository: Path) -> None:
    """Raise `PackageError` with the first mistake that would keep Triton from loading the version."""
    for finding in lint(repository).findings:
        if finding.severity == "error":
            raise PackageError(
                f"Triton would refuse this version: {finding.id} {sentence(finding)}. "
                "`slipway triton lint` shows all findings"
            )
