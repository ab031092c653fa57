"""Whether a folder's models can have their names in the model repository, where Triton finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.find_app import app_folders, listed_packages
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import digest_file
from training.added.errors import AddError
from training.added.folders.config import CONFIG, published
from training.added.folders.read import Model, TritonFolder
from training.publish.parts import users_of

__all__ = ["check_place"]

OF_SERVER = ("instance_group", "dynamic_batching", "optimization", "model_warmup", "response_cache")
"""Settings that do not change what a model answers."""


def check_place(name: str, folder: TritonFolder | None, root: Path) -> None:
    """Raise `AddError` if the repository has other models of these names. `folder` is None for a file.

    Triton has one configuration for all versions of a model.
    """
    there = Repository(root)
    users = users_of(root, name)
    if users:
        raise AddError(
            f"{users[0]} uses the version of {name} that is there, and would use a new one; give this model "
            "another name with --name"
        )
    if folder is None:
        if any(_is_of_triton(there, name, number) for number in there.versions(name)[-1:]):
            raise AddError(
                f"{name} is served by Triton from a folder, with one {CONFIG} for all its versions; give this "
                "model another name with --name"
            )
        return
    if there.versions(name) and not _fits(root, name, folder.model.config):
        raise AddError(
            f"{name} is in the model repository with another {CONFIG}, and Triton has one for all versions of a "
            "model; give this one another name with --name"
        )
    for part in folder.parts:
        _check_part(part, name, there)


def _check_part(part: Model, name: str, there: Repository) -> None:
    if part.name == name:
        raise AddError(f"{name} uses a model of the same name; give another one with --name")
    if part.name in (*app_folders(), *listed_packages()):
        raise AddError(f"the folder uses the model {part.name}, which is the name of an app; rename it")
    numbers = there.versions(part.name)
    if not numbers:
        return
    same = numbers == [part.version] and _fits(there.root, part.name, part.config) and _has_files(there, part)
    if not same:
        raise AddError(
            f"the folder uses the model {part.name}, and the model repository has another one of this name; "
            f"rename the folder's one, and where it is used, or remove the other: `slipway remove {part.name}`"
        )


def _is_of_triton(there: Repository, name: str, number: int) -> bool:
    try:
        return CONFIG in there.manifest(name, number).files
    except Refused:
        return False


def _has_files(there: Repository, part: Model) -> bool:
    """Whether the published version has these files."""
    try:
        files = there.manifest(part.name, part.version).files
    except Refused:
        return False
    return all(files.get(name) == digest_file(path) for name, path in part.files.items())


def _fits(root: Path, name: str, config: Any) -> bool:
    """Whether the published configuration is this one, but for what depends on the server."""
    try:
        there = text_format.Parse((root / name / CONFIG).read_bytes().decode(), pb.ModelConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        return False
    wanted = text_format.Parse(published(config, name).decode(), pb.ModelConfig())
    for setting in OF_SERVER:
        there.ClearField(setting)
        wanted.ClearField(setting)
    return bool(there == wanted)
