"""The steps of the linter, from the folders of a repository to findings.

It parses the text of each model, checks the configuration, and compares it with the graphs of the versions that
Triton would load. At the end, it compares ensembles with the models of their steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from control.errors import TritonLintError
from control.lint.report import Report
from control.lint.triton.checks import batching, ensemble, identity, instances, sequences, tensors, warmup
from control.lint.triton.deployment import Deployment
from control.lint.triton.deployment import check as check_deployment
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.model import Model
from control.lint.triton.output import Models, TritonLinter
from control.lint.triton.source import Source, parse, walk

__all__ = ["CONFIG", "lint"]

CONFIG = "config.pbtxt"
CHECKS = (identity.check, tensors.check, batching.check, sequences.check, instances.check, warmup.check)
"""The checks of one model, in the order of their findings."""
ENUM = re.compile(r'Enum type "(?P<type>[\w.]+)" has no value named (?P<name>\S+?)\.?$')
USUAL = {
    "FLOAT": "FP32",
    "FLOAT32": "FP32",
    "FLOAT64": "FP64",
    "DOUBLE": "FP64",
    "FLOAT16": "FP16",
    "HALF": "FP16",
}
USUAL |= {"BYTES": "STRING", "INT": "INT32", "LONG": "INT64", "BOOLEAN": "BOOL"}
"""Names of other systems -> Triton's names of data types."""


def lint(repository: Path, only: Sequence[str] = (), deployment: Deployment | None = None) -> Report[Models]:
    """Check every model of a repository, or those in `only`; ensembles are always compared with all models.

    With `deployment`, also check that the server and the models fit together.

    Raises `TritonLintError` if the folder does not exist or has no model.
    """
    if not repository.is_dir():
        raise TritonLintError(f"{repository} is not a folder; give a model repository in Triton's layout")
    folders = sorted(path for path in repository.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise TritonLintError(f"{repository} has no model folders; `slipway train APP` publishes a first version")
    missing = [name for name in only if name not in {path.name for path in folders}]
    if missing:
        there = ", ".join(path.name for path in folders)
        raise TritonLintError(f"no model {missing[0]!r} in {repository}; there are: {there}")
    read = {folder.name: _read(folder) for folder in folders}
    models = {name: model for name, (model, _) in read.items() if model is not None}
    for model, findings in read.values():
        if model is not None:
            _check(model, findings, models)
    names = tuple(name for name in read if not only or name in only)
    found = [finding for name in names for finding in read[name][1].found]
    if deployment is not None:
        found += check_deployment(models, deployment)
    return Report(TritonLinter(), Models(names), found)


def _check(model: Model, findings: ModelFindings, models: dict[str, Model]) -> None:
    for check in CHECKS:
        check(model, findings)
    ensemble.check(model, findings, models)


def _read(folder: Path) -> tuple[Model | None, ModelFindings]:
    """Read a model and its graphs. The model is None if its configuration cannot be read."""
    path = folder / CONFIG
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        findings = ModelFindings(folder.name, str(path), Source())
        findings.add("T101", "", "no config.pbtxt", "one beside the version folders", line=0)
        return None, findings
    except (OSError, UnicodeDecodeError) as cause:
        findings = ModelFindings(folder.name, str(path), Source())
        findings.add("T102", "", f"cannot be read: {cause}", "UTF-8 text", line=0)
        return None, findings
    source = walk(text)
    findings = ModelFindings(folder.name, str(path), source)
    for unknown in source.unknown:
        fix = nearest(unknown.name, unknown.known)
        findings.add("T103", unknown.key, "unknown field", f"one of {', '.join(unknown.known)}", fix, unknown.line)
    try:
        model = Model(folder, parse(text, source))
    except text_format.ParseError as cause:
        _explain(cause, findings)
        return None, findings
    identity.open_graphs(model, findings)
    return model, findings


def _explain(cause: text_format.ParseError, findings: ModelFindings) -> None:
    """Add the parser's error as a finding."""
    line = cause.GetLine() or 0
    text = str(cause).partition(" : ")[2] or str(cause)
    value = ENUM.search(text)
    if "another member of oneof" in text:
        findings.add("T104", "", text, "one of them", "Leave one out", line)
    elif value:
        names = list(pb.DESCRIPTOR.pool.FindEnumTypeByName(value["type"]).values_by_name)
        findings.add("T102", "", value["name"], f"one of {', '.join(names)}", _meant(value["name"], names), line)
    else:
        findings.add("T102", "", text, "protobuf text of a ModelConfig", line=line)


def _meant(name: str, names: Sequence[str]) -> str:
    usual = f"TYPE_{USUAL.get(name.upper().removeprefix('TYPE_'), name.upper())}"
    return f"Did you mean {usual!r}?" if usual in names else nearest(name, names)
