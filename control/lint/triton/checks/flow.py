"""The flow of tensors through an ensemble: which step writes each tensor, which steps read it, and their types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from control.lint.triton.checks.shapes import compatible
from control.lint.triton.checks.tensors import type_name
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.model import Model

__all__ = ["Flow"]

HERE = "ensemble_scheduling"


@dataclass(frozen=True)
class _Fact:
    """The properties of a tensor at one of its ends. `whole` has the batch axis, if that end has one."""

    data_type: int
    dims: tuple[int, ...]
    whole: tuple[int, ...]
    who: str


def _fact(item: Any, batching: bool, who: str) -> _Fact:
    dims = tuple(item.reshape.shape if item.HasField("reshape") else item.dims)
    return _Fact(item.data_type, dims, (-1, *dims) if batching else dims, who)


class Flow:
    """The tensors of one ensemble. Steps are added one by one; `check` then checks the whole."""

    def __init__(self, model: Model, findings: ModelFindings) -> None:
        self._findings = findings
        self._inputs = [item.name for item in model.config.input]
        self._outputs = [item.name for item in model.config.output]
        self._facts = {
            item.name: _fact(item, model.batching, f"the ensemble's {role}")
            for role in ("input", "output")
            for item in getattr(model.config, role)
        }
        self._writers: dict[str, int] = {}
        self._steps: dict[int, Any] = {}

    def add(self, index: int, step: Any) -> None:
        """Add the tensors that a step reads and writes."""
        self._steps[index] = step
        for name in sorted(step.output_map):
            tensor, key = step.output_map[name], f'{HERE}.step[{index}].output_map["{name}"]'
            if tensor in self._writers:
                other = f"{HERE}.step[{self._writers[tensor]}]"
                self._findings.add("T215", key, repr(tensor), f"a name of its own: {other} writes it")
            elif tensor in self._inputs:
                self._findings.add("T215", key, repr(tensor), "a name of its own: it is an input of the ensemble")
            self._writers.setdefault(tensor, index)

    def types(self, index: int, step: Any, found: Model) -> None:
        """Compare data types and dims at this step with those at the other ends of its tensors."""
        for role, name, item in _mapped(step, found):
            key = f'{HERE}.step[{index}].{role}_map["{item.name}"]'
            # A step's tensors have `dims` even if its model reshapes them; only the ensemble's reshape counts.
            here = _Fact(
                item.data_type,
                tuple(item.dims),
                (-1, *item.dims) if found.batching else tuple(item.dims),
                f"{role} {item.name!r} of {found.name}",
            )
            there = self._facts.setdefault(name, here)
            if here.data_type != there.data_type:
                value = f"{name!r} is {type_name(here.data_type)} for {here.who}"
                expected = f"{type_name(there.data_type)}, as for {there.who}"
                self._findings.add("T218", key, value, expected)
            elif not compatible(here.dims, there.dims) and not compatible(here.whole, there.whole):
                value = f"{name!r} has {list(here.whole)} for {here.who}"
                self._findings.add("T219", key, value, f"{list(there.whole)}, as for {there.who}")

    def check(self) -> None:
        """Check that every tensor is written before it is read, and that it is read."""
        read = {tensor for step in self._steps.values() for tensor in step.input_map.values()}
        self._check_read(read)
        known = [*self._inputs, *self._writers]
        for index, step in self._steps.items():
            for name in sorted(step.input_map):
                if step.input_map[name] not in known:
                    tensor, key = step.input_map[name], f'{HERE}.step[{index}].input_map["{name}"]'
                    expected = f"an input of the ensemble or what a step writes: {', '.join(known)}"
                    self._findings.add("T214", key, repr(tensor), expected, nearest(tensor, known))
        for index, name in enumerate(self._outputs):
            if self._steps and name not in self._writers:
                expected = f"what a step writes: {', '.join(self._writers)}"
                self._findings.add(
                    "T214", f"output[{index}].name", repr(name), expected, nearest(name, self._writers)
                )
        self._check_order(set(known))

    def _check_read(self, read: set[str]) -> None:
        for place, name in enumerate(self._inputs):
            if self._steps and name not in read:
                self._findings.add(
                    "T216", f"input[{place}].name", repr(name), "a step that reads it", nearest(name, read)
                )
        for tensor, index in self._writers.items():
            if tensor not in read and tensor not in self._outputs:
                key = next(k for k, v in self._steps[index].output_map.items() if v == tensor)
                expected = "a step or an output of the ensemble that takes it"
                fix = nearest(tensor, {*read, *self._outputs} - {*self._writers})
                self._findings.add(
                    "T216", f'{HERE}.step[{index}].output_map["{key}"]', repr(tensor), expected, fix
                )

    def _check_order(self, known: set[str]) -> None:
        """Simulate the order of the steps. The steps that can never start wait for each other."""
        # Tensors that no step writes are reported elsewhere; here they count as written.
        ready = set(self._inputs) | {
            t for s in self._steps.values() for t in s.input_map.values() if t not in known
        }
        left = dict(self._steps)
        while runs := [index for index, step in left.items() if set(step.input_map.values()) <= ready]:
            for index in runs:
                ready |= set(left.pop(index).output_map.values())
        for index in left:
            waits = sorted(set(left[index].input_map.values()) - ready)
            value = f"waits for {', '.join(map(repr, waits))}"
            self._findings.add("T217", f"{HERE}.step[{index}]", value, "steps that do not wait for each other")


def _mapped(step: Any, found: Model) -> Iterator[tuple[str, str, Any]]:
    """Yield the role, the ensemble's name and the step's tensor of each mapped tensor."""
    for role in ("input", "output"):
        given = getattr(step, f"{role}_map")
        for item in getattr(found.config, role):
            if item.name in given:
                yield role, given[item.name], item
