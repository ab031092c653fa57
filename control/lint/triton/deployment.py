"""Hold a repository and the server that it is deployed on together: GPUs, and the models that use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tritonclient.grpc import model_config_pb2 as pb

from control.errors import TritonLintError
from control.lint.finding import Finding
from control.lint.triton.checks import instances, warmup
from control.lint.triton.findings import ModelFindings
from control.lint.triton.model import Model
from control.lint.triton.source import Source
from control.triton.place import Place, placed

__all__ = ["Deployment", "check", "of_values"]

Group = pb.ModelInstanceGroup
COMMAND = ["slipway", "triton", "follow"]
"""The command of the container that loads models with the configuration for its server."""


@dataclass(frozen=True)
class Deployment:
    """A server, and what says so. Without `place`, the server loads the published configurations unchanged."""

    source: str
    gpus: int
    place: Place | None = None
    models: tuple[str, ...] = ()


def of_values(path: Path) -> Deployment:
    """What the chart deploys with these values. Raises `TritonLintError`."""
    from control.charts.render import ChartError, render

    try:
        items = render(yaml.safe_load(path.read_text()) or {})
    except (OSError, yaml.YAMLError, ChartError) as cause:
        raise TritonLintError(f"{path}: {cause}") from cause
    for item in items:
        if item["kind"] == "ServingRuntime":
            return _of_runtime(str(path), item["spec"]["containers"])
    raise TritonLintError(f"{path} deploys no Triton; set triton.enabled")


def _of_runtime(source: str, containers: Sequence[Mapping[str, Any]]) -> Deployment:
    (server,) = (one for one in containers if one["name"] == "kserve-container")
    (follower,) = (one for one in containers if one.get("command") == COMMAND)
    options = [word.removeprefix("--").partition("=") for word in follower["args"] if word.startswith("--")]
    single = {name: value for name, _, value in options}
    place = Place(
        cpus=int(single["cpus"]),
        gpus=int(single.get("gpus", "0")),
        on_gpus=tuple(value for name, _, value in options if name == "on-gpu"),
    )
    limits = server["resources"]["limits"]
    gpus = sum(int(amount) for name, amount in limits.items() if name.endswith("/gpu"))
    return Deployment(source, gpus, place, tuple(value for name, _, value in options if name == "model"))


def check(models: Mapping[str, Model], deployment: Deployment) -> Iterator[Finding]:
    """Yield what would keep a model from loading on this server, and GPUs that are reserved for nothing."""
    findings = ModelFindings("", deployment.source, Source())
    for name in deployment.models:
        if name not in models:
            there = ", ".join(sorted(models)) or "none"
            findings.add("T168", "triton.models", name, f"a model of the repository: {there}", line=0)
    used = False
    for name, model in models.items():
        if deployment.models and name not in deployment.models:
            continue
        config = model.config if deployment.place is None else placed(model.config, deployment.place)
        used = used or _uses_gpu(config)
        yield from _check_model(model, config, deployment)
    if deployment.gpus and not used:
        expected = "a model that runs on a GPU"
        findings.add("T165", "triton.gpus", deployment.gpus, expected, "Reserve none, or name its models", line=0)
    yield from findings.found


def _uses_gpu(config: Any) -> bool:
    return any(group.kind in (Group.KIND_GPU, Group.KIND_AUTO) for group in config.instance_group)


def _check_model(model: Model, config: Any, deployment: Deployment) -> Iterator[Finding]:
    """Yield the mistakes of one model on the server. What was placed is checked as if it were published."""
    findings = ModelFindings(model.name, deployment.source, Source())
    for index, group in enumerate(config.instance_group):
        key = f"instance_group[{index}]"
        if group.kind == Group.KIND_GPU and not deployment.gpus:
            fix = "Leave the kind out, so that the model runs where it is"
            findings.add("T166", f"{key}.kind", "KIND_GPU", "KIND_CPU on a server without GPUs", fix, line=0)
        for number in group.gpus:
            if number >= deployment.gpus > 0:
                findings.add(
                    "T167", f"{key}.gpus", number, f"less than {deployment.gpus}, the number of GPUs", line=0
                )
    if deployment.place is not None:
        there = Model(model.folder, config, model.versions, model.graphs)
        instances.check(there, findings)
        warmup.check(there, findings)
    yield from findings.found
