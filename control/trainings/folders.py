"""A folder in Triton's layout as what is to be added: checked by the linter, and by who runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from control.console import note
from control.lint.triton.lint import lint
from control.lint.triton.output import sentence
from control.stack import liveness
from serving.kernel.storage.version_manifest import MODEL_NAME
from training.added.build import Wanted
from training.added.errors import AddError
from training.added.folders.config import CONFIG, check_config
from training.added.folders.engine import check_backends
from training.added.folders.onnx_file import hints, is_plain, labels
from training.added.folders.read import TritonFolder, check_trust, read_folder

__all__ = ["from_folder", "is_triton_folder", "note_missing_triton"]

NAMES = ("T105", "T106")
"""Findings on the name, which `slipway add` writes itself."""
MOST_FINDINGS = 10


def is_triton_folder(path: Path) -> bool:
    """Whether this is a folder in Triton's layout; MLflow's models are folders too."""
    return (path / CONFIG).is_file()


def from_folder(wanted: Wanted, trust: bool) -> tuple[Wanted, TritonFolder | None]:
    """What is added of the folder `wanted.path`, and the folder if Triton serves it. Raises `AddError`.

    A plain ONNX file is added as the file is, with what its configuration says.
    """
    path = wanted.path.resolve()
    _lint(path, [path.name])
    folder = read_folder(wanted.path)
    if folder.parts:
        _lint(path, [part.name for part in folder.parts])
    if is_plain(folder):
        for text in folder.notes:
            note(text)
        file = folder.model.files[MODEL_NAME]
        names = wanted.labels or labels(folder)
        shapes = hints(folder, wanted.overrides)
        return replace(wanted, path=file, source=folder.model.name, labels=names, overrides=shapes), None
    if not wanted.triton:
        raise AddError("--no-triton is for ONNX files; the answers of this folder's model are those of Triton")
    check_config(folder.model.config)
    check_backends(folder)
    check_trust(folder, trust)
    return replace(wanted, source=folder.model.name), folder


def note_missing_triton(home: Path) -> None:
    """Say so if a stack runs that could not answer for a folder."""
    found = liveness.running(home)
    if found is not None and "triton" not in found.parts:
        note("warning: the running stack has no Triton, so nothing will answer: `slipway down`, then `slipway up`")


def _lint(folder: Path, names: Sequence[str]) -> None:
    """Show what the linter finds in these models, which are beside each other. Raises `AddError` for errors."""
    with tempfile.TemporaryDirectory(prefix="slipway-lint-") as stage:
        for config in folder.parent.glob(f"*/{CONFIG}"):
            (Path(stage) / config.parent.name).symlink_to(config.parent, target_is_directory=True)
        found = lint(Path(stage), names).findings
        shown = [(one, f"{Path(one.file).relative_to(stage)}:{one.line} {one.id}") for one in found]
    shown = [(one, where) for one, where in shown if one.id not in NAMES]
    for one, where in shown:
        if one.severity == "warning":
            note(f"warning: {where} {sentence(one)}")
    wrong = [f"{where} {sentence(one)}" for one, where in shown if one.severity == "error"]
    if wrong:
        more = f"\n(and {len(wrong) - MOST_FINDINGS} more)" if len(wrong) > MOST_FINDINGS else ""
        raise AddError("slipway triton lint finds:\n" + "\n".join(wrong[:MOST_FINDINGS]) + more)
