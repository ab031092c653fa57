"""What a model takes and gives as Triton's model configuration: JSON over HTTP, a message over gRPC."""

from __future__ import annotations

from typing import Any

from serving.kernel.tensors import TensorSpec
from serving.models.dataplane import ModelMetadata

__all__ = ["model_config"]


def model_config(found: ModelMetadata, max_rows: int) -> dict[str, Any]:
    """The configuration with the names and values of Triton's JSON, which are those of its protobuf message."""
    return {
        "name": found.name,
        "platform": found.platform,
        "backend": found.backend,
        "max_batch_size": max_rows,
        "input": [{**_tensor(spec), "format": "FORMAT_NONE"} for spec in found.inputs],
        "output": [_tensor(spec) for spec in found.outputs],
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    kind = "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"
    # The dims of a Triton configuration leave the row axis out; `max_batch_size` stands for it.
    return {"name": spec.name, "data_type": kind, "dims": list(spec.shape[1:])}
