"""Name, backend and files of a model, which Triton checks before it opens a graph."""

from __future__ import annotations

from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.graph import GraphError, read_graph
from control.lint.triton.model import BACKENDS, PLATFORMS, Model, loaded_versions, version_folders

__all__ = ["check", "open_graphs"]

OWN_FOLDERS = ("warmup", "initial_state", "configs")
"""Folders beside the versions that have another purpose in Triton."""


def check(model: Model, findings: ModelFindings) -> None:
    """Check name, backend and platform."""
    config = model.config
    if not config.name:
        findings.add("T106", "name", "not set", f"name: {model.name!r}", line=1)
    elif config.name != model.name:
        fix = f"Rename the folder to {config.name!r} or write name: {model.name!r}"
        findings.add("T105", "name", repr(config.name), f"{model.name!r}, the folder's name", fix)
    if config.max_batch_size < 0:
        findings.add("T144", "max_batch_size", config.max_batch_size, "0 or more")
    if model.ensemble:
        return
    if config.platform and config.platform not in PLATFORMS:
        fix = nearest(config.platform, PLATFORMS)
        findings.add("T111", "platform", repr(config.platform), f"one of {', '.join(PLATFORMS)}", fix)
    elif not model.backend:
        expected = f"a backend such as {', '.join(list(BACKENDS)[:3])}"
        findings.add("T111", "backend", "not set", expected, line=1)
    elif config.backend and config.backend not in BACKENDS:
        _strange_backend(model, findings)
    elif config.platform and config.backend and PLATFORMS[config.platform] != config.backend:
        expected = f"{PLATFORMS[config.platform] or 'none'!r}, or no platform"
        findings.add("T112", "backend", f"{config.backend!r} with platform {config.platform!r}", expected)


def _strange_backend(model: Model, findings: ModelFindings) -> None:
    """Add the finding for an unknown backend: a misspelled one, a platform's name, or the user's own."""
    name = model.config.backend
    meant = PLATFORMS.get(name) or ("onnxruntime" if name.casefold() in ("onnx", "ort") else "")
    hint = f"Did you mean {meant!r}?" if meant else nearest(name, BACKENDS)
    if hint:
        findings.add("T111", "backend", repr(name), f"one of {', '.join(BACKENDS)}", hint)
    else:
        findings.add(
            "T110", "backend", repr(name), f"one of Triton's own, or a folder {name!r} among its backends"
        )


def open_graphs(model: Model, findings: ModelFindings) -> None:
    """Find the versions that Triton would load, read their graphs, and report missing and broken files."""
    there, ignored = version_folders(model.folder)
    strange = [name for name in ignored if name not in OWN_FOLDERS]
    for name in strange:
        findings.add("T121", "", f"folder {name!r}", "a number from 1 without leading zeros", line=0)
    if not there:
        rule = "T113" if strange else "T120"
        findings.add(rule, "", "no version folder", f"{model.name}/1/{model.model_file}".rstrip("/"), line=0)
        return
    _check_policy(model, there, findings)
    model.versions = loaded_versions(model.config, there)
    if not model.ensemble and model.model_file:
        for version in model.versions:
            _open(model, version, findings)


def _check_policy(model: Model, there: tuple[int, ...], findings: ModelFindings) -> None:
    policy = model.config.version_policy
    if policy.HasField("latest") and policy.latest.num_versions == 0:
        findings.add("T123", "version_policy.latest.num_versions", 0, "1 or more")
    if not policy.HasField("specific"):
        return
    key = "version_policy.specific.versions"
    if not policy.specific.versions:
        findings.add("T122", key, "empty", f"some of {', '.join(map(str, there))}")
    for version in policy.specific.versions:
        if version not in there:
            findings.add("T122", key, version, f"one of the versions {', '.join(map(str, there))}")


def _open(model: Model, version: int, findings: ModelFindings) -> None:
    path = model.folder / str(version) / model.model_file
    if path.is_dir():
        path = path / "model.onnx"
    shown = f"{version}/{model.model_file}"
    if not path.exists():
        others = sorted(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else []
        alike = next((name for name in others if name.endswith(path.suffix or ".onnx")), "")
        fix = f"Rename {alike!r} or write default_model_filename: {alike!r}" if alike else ""
        findings.add("T113", "default_model_filename", f"{shown} does not exist", "the model's file", fix)
        return
    if model.backend != "onnxruntime":
        return
    try:
        graph = read_graph(path)
    except GraphError as cause:
        findings.add("T114", "", f"{shown}: {cause}", "a complete ONNX graph", "Export or copy it again", line=0)
        return
    for name in graph.lost:
        findings.add("T115", "", f"{version}/{name} does not exist", f"the weights of {shown}", line=0)
    model.graphs[version] = graph
