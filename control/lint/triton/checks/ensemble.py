"""Ensembles: steps, the maps between their tensors, and the flow of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.lint.triton.checks.flow import Flow
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.model import ENSEMBLE, Model, version_folders

__all__ = ["check"]

HERE = "ensemble_scheduling"


def check(model: Model, findings: ModelFindings, others: Mapping[str, Model]) -> None:
    """Check an ensemble. `others` has the readable models of the repository, by name."""
    if not model.ensemble:
        return
    _check_shape(model, findings)
    flow = Flow(model, findings)
    for index, step in enumerate(model.config.ensemble_scheduling.step):
        key = f"{HERE}.step[{index}]"
        flow.add(index, step)
        found = _check_step(model, step, key, findings, others)
        if found is not None:
            _check_maps(step, found, key, findings)
            flow.types(index, step, found)
    flow.check()


def _check_shape(model: Model, findings: ModelFindings) -> None:
    """Check the settings that an ensemble must have, and those that it must not have."""
    config = model.config
    if config.platform != ENSEMBLE:
        findings.add("T210", "platform", repr(config.platform) if config.platform else "not set", f"{ENSEMBLE!r}")
    if config.backend:
        findings.add("T210", "backend", repr(config.backend), f"no backend for platform {ENSEMBLE!r}")
    if not config.ensemble_scheduling.step:
        findings.add("T210", HERE, "no steps", "one step or more")
    for name in ("instance_group", "model_warmup"):
        if len(getattr(config, name)):
            findings.add("T210", name, "set", "nothing: the models of the steps have it")
    if config.HasField("optimization"):
        findings.add("T210", "optimization", "set", "nothing: the models of the steps have it")


def _check_step(
    model: Model, step: Any, key: str, findings: ModelFindings, others: Mapping[str, Model]
) -> Model | None:
    """Return the model of the step, or None if it does not exist."""
    for name in ("input_map", "output_map"):
        if not len(getattr(step, name)):
            findings.add("T210", f"{key}.{name}", "not set", "an entry for each tensor")
    if not step.model_name:
        findings.add("T210", f"{key}.model_name", "not set", "a model of the repository")
        return None
    if step.model_name == model.name:
        findings.add(
            "T217", f"{key}.model_name", repr(step.model_name), "another model: an ensemble cannot run itself"
        )
        return None
    found = others.get(step.model_name)
    if found is None:
        rest = sorted(name for name in others if name != model.name)
        expected = f"one of {', '.join(rest)}" if rest else "a model of the repository, which has none"
        findings.add("T211", f"{key}.model_name", repr(step.model_name), expected, nearest(step.model_name, rest))
        return None
    _check_version(step, found, key, findings)
    allowed, most = model.config.max_batch_size, found.config.max_batch_size
    if 0 < most < allowed:
        findings.add("T220", "max_batch_size", allowed, f"at most {most}, as {found.name} (step {key}) allows")
    return found


def _check_version(step: Any, found: Model, key: str, findings: ModelFindings) -> None:
    there, _ = version_folders(found.folder)
    if step.model_version > 0 and there and step.model_version not in found.versions:
        expected = f"-1 for the latest, or one that {found.name} loads: {', '.join(map(str, found.versions))}"
        findings.add("T211", f"{key}.model_version", step.model_version, expected)
    elif step.model_version == 0 or step.model_version < -1:
        findings.add(
            "T211", f"{key}.model_version", step.model_version or "not set", "-1 for the latest, or a version"
        )


def _check_maps(step: Any, found: Model, key: str, findings: ModelFindings) -> None:
    """Check that the keys of the maps are tensors of the step's model, and that every input is mapped."""
    for role in ("input", "output"):
        items = {item.name: item for item in getattr(found.config, role)}
        given = getattr(step, f"{role}_map")
        for name in sorted(given):
            if name not in items:
                expected = f"an {role} of {found.name}: {', '.join(items)}"
                fix = nearest(name, items)
                if not fix and given[name] in items:
                    fix = f"The key is the model's tensor: turn {name!r} and {given[name]!r} around"
                findings.add("T212", f'{key}.{role}_map["{name}"]', repr(name), expected, fix)
    for item in found.config.input:
        if item.name not in step.input_map and not item.optional:
            findings.add("T213", f"{key}.input_map", f"without {item.name!r}", f"every input of {found.name}")
