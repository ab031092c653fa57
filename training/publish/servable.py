"""The servable folder: every file that the data plane needs of one version, before it has a number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from serving.kernel.app import App
from serving.kernel.storage import version_files
from serving.kernel.storage.version_files import Refused, digest_folder, encode_golden, encode_manifest
from serving.kernel.storage.version_manifest import (
    ENCODER_NAME,
    GOLDEN_NAME,
    MANIFEST_NAME,
    MODEL_NAME,
    GoldenRow,
    Manifest,
    row_of,
)
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipe import Fitted

__all__ = ["UNNUMBERED", "ServableError", "numbered", "read_manifest", "seal", "verify", "write_golden"]

UNNUMBERED = 0
"""The version number in a manifest before registration."""
RESERVED = (MANIFEST_NAME, GOLDEN_NAME, MODEL_NAME, ENCODER_NAME)


class ServableError(TrainingError):
    """A servable folder does not match its manifest."""


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write the recipe's own files. Raises `ServableError` for a reserved name or a path."""
    for name, content in files.items():
        if name in RESERVED or Path(name).name != name or name.startswith("."):
            raise ServableError(
                f"the recipe's file {name!r}: expected a plain name other than {', '.join(RESERVED)}"
            )
        (folder / name).write_bytes(content)


def write_golden(folder: Path, app: App[Any, Any, Any], questions: Sequence[Any], fitted: Fitted) -> int:
    """Write `golden.jsonl`: each question with its features, native outputs and answer; returns the row count.

    Raises `ServableError` without questions, or when the features of a question depend on the other questions.
    """
    if not questions:
        raise ServableError(f"{app.name}: golden() returned no questions; return about 32")
    features = app.features(questions, fitted.context)
    outputs = fitted.predict(features)
    answers = app.decide(questions, outputs, fitted.context)
    rows = []
    for index, question in enumerate(questions):
        alone = app.features([question], fitted.context)
        if row_of(alone, 0) != row_of(features, index):
            raise ServableError(
                f"{app.name}: golden question {index}: its features depend on the other questions in the batch"
            )
        rows.append(
            GoldenRow(_raw(question), row_of(features, index), row_of(outputs, index), _raw(answers[index]))
        )
    (folder / GOLDEN_NAME).write_bytes(encode_golden(rows))
    return len(rows)


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Add the digest of every file to the manifest and write it."""
    sealed = msgspec.structs.replace(manifest, files=digest_folder(folder))
    (folder / MANIFEST_NAME).write_bytes(encode_manifest(sealed))
    return sealed


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises `ServableError`."""
    try:
        return version_files.read_manifest(folder)
    except Refused as cause:
        raise ServableError(f"{folder.name}/{cause}") from cause


def numbered(manifest: Manifest, version: int) -> bytes:
    """The bytes of the manifest with the version number."""
    return encode_manifest(msgspec.structs.replace(manifest, version=version))


def verify(folder: Path) -> Manifest:
    """Check that the folder holds exactly the files in its manifest, and return the manifest.

    Raises `ServableError`, which names the first file that differs.
    """
    manifest = read_manifest(folder)
    try:
        version_files.verify_folder(folder, manifest)
    except Refused as cause:
        raise ServableError(f"{folder.name}/{cause}") from cause
    return manifest


def _raw(struct: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(struct))
