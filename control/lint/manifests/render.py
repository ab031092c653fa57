"""Render a target to texts of YAML with Helm and kustomize, or return their errors as findings."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.errors import ManifestError
from control.lint.finding import Finding
from control.lint.manifests.objects.resource import declared_in
from control.lint.manifests.strict_yaml import read
from control.lint.manifests.targets import KUSTOMIZATIONS, Target, shown
from control.lint.rules import manifest_rules

__all__ = ["Rendered", "render"]

KUBECTL = (
    "kubectl is not installed; it builds kustomizations. Install it with `brew install kubectl` or `snap install \
kubectl --classic`, or see https://kubernetes.io/docs/tasks/tools"
)
_SOURCE = re.compile(r"\(?([\w.-]+(?:/[\w.-]+)+\.(?:ya?ml|tpl|txt|json)):(\d+)")
_HELM_WARNING = 2
_SECONDS = 60


@dataclass
class Rendered:
    """Texts by file name, and the findings of rendering."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    external: set[str] = field(default_factory=set)
    """The objects that comments in the values, in the kustomization or in the texts declare to exist elsewhere."""
    written: bool = False
    """Whether the texts are files, not rendered, so that their line numbers are known to the user."""


def render(target: Target) -> Rendered:
    """Return the YAML of a target. Raises `ManifestError` if a tool is missing."""
    if target.kind == "chart":
        made = _chart(target)
    elif target.kind == "kustomization":
        made = _kustomization(target)
    else:
        made = Rendered([(shown(path), _text(path)) for path in target.files], written=True)
    settings = [target.values] if target.values else [target.path / name for name in KUSTOMIZATIONS]
    texts = [text for _, text in made.texts] + [_text(path) for path in settings if path.is_file()]
    made.external = {name for text in texts for name in declared_in(text)}
    return made


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not text in UTF-8: {error}") from error


def _chart(target: Target) -> Rendered:
    helm = _helm()
    made = Rendered()
    values, made.findings = _values(target)
    if made.findings:
        return made
    try:
        with helm.Chart.load(str(target.path)) as chart:
            chart.validate_schema(values)
            texts = chart.render(values, name="slipway", namespace="default")
        listed = helm.lint(str(target.path), values or None, strict=True)["messages"]
    except helm.HelmError as error:
        made.findings.append(_problem("SLW903", target, _template(target, str(error)), str(error)))
        return made
    for message in listed:
        if message["severity"] >= _HELM_WARNING:
            file = shown(target.path / message["path"])
            made.findings.append(_problem("SLW904", target, file, str(message["error"])))
    folder = target.path.parent
    made.texts = [
        (shown(folder / _inside(target, name)), text)
        for name, text in sorted(texts.items())
        if name.endswith((".yaml", ".yml")) and text.strip()
    ]
    return made


def _values(target: Target) -> tuple[dict[str, Any], list[Finding]]:
    """Read the value set, as strictly as all other YAML."""
    if target.values is None:
        return {}, []
    file, found = shown(target.values), read(_text(target.values))
    problems = [problem for document in found for problem in document.problems]
    if problems:
        return {}, [problem.finding(file, target.label) for problem in problems]
    values = found[0].value if found else {}
    if len(found) > 1 or not isinstance(values, dict):
        return {}, [_problem("SLW903", target, file, "a value set must be a single mapping")]
    return values, []


def _helm() -> Any:
    try:
        import helm_python
    except ImportError as error:
        raise ManifestError(
            "charts need helm-python-sdk, which is not installed: pip install -c constraints.txt -e '.[manifests]'"
        ) from error
    return helm_python


def _inside(target: Target, name: str) -> str:
    """Return the path of a file in the chart's folder. Helm starts the path with the name of the chart instead."""
    return f"{target.path.name}/{name.partition('/')[2]}"


def _template(target: Target, message: str) -> str:
    """Return the path of the template that a message of Helm names."""
    match = _SOURCE.search(message)
    return shown(target.path.parent / _inside(target, match[1])) if match else shown(target.path)


def _kustomization(target: Target) -> Rendered:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ManifestError(KUBECTL)
    command = [kubectl, "kustomize", str(target.path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        message = f"kubectl did not finish within {_SECONDS} s; does the kustomization name a remote base?"
        return Rendered(findings=[_problem("SLW905", target, shown(target.path), message)])
    if done.returncode != 0:
        message = done.stderr.strip() or f"kubectl exited with {done.returncode}"
        return Rendered(findings=[_problem("SLW905", target, shown(target.path), message)])
    return Rendered([(shown(target.path), done.stdout)])


def _problem(id: str, target: Target, file: str, message: str) -> Finding:
    match = _SOURCE.search(message) if id == "SLW903" else None
    line = int(match[2]) if match else 0
    text = " ".join(message.split())
    return Finding(
        file=file,
        line=line,
        subject="",
        field="",
        rule=manifest_rules()[id],
        problem=text if len(text) < 600 else f"{text[:600]} ...",
        sources=(target.label,),
    )
