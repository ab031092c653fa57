"""What all tensor codecs share: a decoded request, and the checks against the inputs and outputs of a model."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from serving.edge.codec.datatypes import count_of, datatype_of
from serving.kernel.errors import Invalid, TooLarge
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["TensorRequest", "check_header", "check_inputs", "check_outputs", "refuse_parameters"]

UNSUPPORTED = ("shared_memory_region", "classification")


@dataclass(slots=True)
class TensorRequest:
    """A decoded v2 request. `binary` names the outputs to send as bytes."""

    inputs: Arrays
    outputs: tuple[str, ...] = ()
    binary: frozenset[str] = field(default_factory=frozenset)
    id: str = ""
    rows: int = 0


def check_header(name: str, datatype: str, shape: Sequence[int], path: str, max_rows: int) -> TensorSpec:
    """A tensor's name, type and shape, before any of its data is touched. Raises `Invalid` or `TooLarge`."""
    datatype_of(datatype, f"{path}.datatype")
    count_of(shape, f"{path}.shape")
    if shape[0] > max_rows:
        raise TooLarge(f"{path}.shape: {shape[0]} rows; at most {max_rows} rows are allowed in one request")
    return TensorSpec(name, datatype, tuple(shape))


def check_inputs(
    expected: Sequence[TensorSpec], given: Sequence[TensorSpec], path: str = "$.inputs", *, ragged: bool = False
) -> int:
    """Compare the tensors of a request with what the model takes and return the number of rows.

    Free axes (-1) at the same position have one size in all inputs, as the rows have; `ragged`: only the rows.

    This happens before memory is allocated for the tensors, and errors have the paths of the wire form.
    Raises `Invalid` naming the tensor and what the model takes.
    """
    specs = {spec.name: spec for spec in expected}
    sizes: dict[int, int] = {}
    seen: set[str] = set()
    for index, tensor in enumerate(given):
        here = f"{path}[{index}]"
        spec = specs.get(tensor.name)
        if spec is None:
            raise Invalid(f"{here}.name", f"{tensor.name[:64]!r} is not an input; allowed: {', '.join(specs)}")
        if tensor.name in seen:
            raise Invalid(f"{here}.name", f"input {tensor.name!r} is given twice; once is allowed")
        seen.add(tensor.name)
        if tensor.datatype != spec.datatype:
            raise Invalid(f"{here}.datatype", f"{tensor.datatype} given; {tensor.name!r} must be {spec.datatype}")
        _check_shape(tensor.shape, spec, f"{here}.shape")
        _check_axes(tensor.shape[:1] if ragged else tensor.shape, spec, sizes, f"{here}.shape")
    missing = [name for name in specs if name not in seen]
    if missing:
        raise Invalid(path, f"input {', '.join(missing)} is missing; needed: {', '.join(specs)}")
    return sizes.get(0, 0)


def check_outputs(expected: Sequence[TensorSpec], names: Sequence[str], path: str = "$.outputs") -> None:
    """Refuse outputs that the model does not have. Raises `Invalid`."""
    allowed = [spec.name for spec in expected]
    for index, name in enumerate(names):
        if name not in allowed:
            raise Invalid(
                f"{path}[{index}].name", f"{name[:64]!r} is not an output; allowed: {', '.join(allowed)}"
            )
        if name in names[:index]:
            raise Invalid(f"{path}[{index}].name", f"output {name!r} is asked for twice; once is allowed")


def _check_shape(shape: Sequence[int], spec: TensorSpec, path: str) -> None:
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, have) for have, want in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise Invalid(path, f"{list(shape)} given; {spec.name!r} must be {list(spec.shape)} (-1: any number)")
    if shape[0] == 0:
        raise Invalid(path, "has no rows; at least 1 is needed")


def _check_axes(shape: Sequence[int], spec: TensorSpec, sizes: dict[int, int], path: str) -> None:
    """Compare the free axes with those of the inputs before, whose sizes by position are `sizes`."""
    for axis, size in enumerate(shape):
        if spec.shape[axis] != -1:
            continue
        known = sizes.setdefault(axis, size)
        if size != known:
            what = f"{size} rows" if axis == 0 else f"{size} on axis {axis}"
            raise Invalid(path, f"{what} given; the inputs before it have {known}")


def refuse_parameters(names: Container[str], path: str) -> None:
    """Raise `Invalid` for a parameter of Triton's protocol that would change where or how tensors travel."""
    for name in UNSUPPORTED:
        if name in names:
            raise Invalid(f"{path}.parameters.{name}", "not supported here; send and take tensors in the body")
