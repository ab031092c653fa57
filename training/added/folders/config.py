"""`config.pbtxt` of a folder: what its model takes and gives, what cannot be served, and what is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.app import ONNX_BACKEND, ONNX_PLATFORM
from serving.kernel.storage.version_manifest import CONFIG_NAME
from serving.kernel.tensors import DTYPES
from training.added.errors import AddError
from training.added.graphs.read import Tensor
from training.publish.added_files import FOLDER_HEADER

__all__ = [
    "CONFIG",
    "ENSEMBLE",
    "ONNX",
    "backend_of",
    "check_config",
    "engine_of",
    "published",
    "read_config",
    "tensors",
]

CONFIG = CONFIG_NAME
ENSEMBLE, ONNX = "ensemble", ONNX_BACKEND
PLATFORMS = {
    ONNX_PLATFORM: ONNX,
    "tensorrt_plan": "tensorrt",
    "pytorch_libtorch": "pytorch",
    "tensorflow_graphdef": "tensorflow",
    "tensorflow_savedmodel": "tensorflow",
    ENSEMBLE: ENSEMBLE,
}
"""The older setting for a backend and its kind of file -> backend."""


def read_config(folder: Path) -> Any:
    """The configuration of a model's folder. Raises `AddError`."""
    try:
        text = (folder / CONFIG).read_bytes().decode()
    except FileNotFoundError as cause:
        raise AddError(
            f"{folder} has no {CONFIG}; write one beside its version folders, or give the model's file instead"
        ) from cause
    except (OSError, UnicodeDecodeError) as cause:
        raise AddError(f"{folder / CONFIG} cannot be read: {cause}") from cause
    try:
        return text_format.Parse(text, pb.ModelConfig())
    except text_format.ParseError as cause:
        raise AddError(f"{folder / CONFIG}: line {cause}") from cause


def backend_of(config: Any, folder: Path) -> str:
    """The name of the backend, as Triton derives it; empty if the configuration does not say."""
    if config.HasField("ensemble_scheduling"):
        return ENSEMBLE
    named = config.backend or PLATFORMS.get(config.platform, "")
    guessed = ONNX if not config.platform and any(folder.glob("*/model.onnx")) else ""
    return str(named or guessed)


def engine_of(config: Any, backend: str) -> tuple[str, str]:
    """Platform and backend, as Triton completes the configuration of a model that runs on `backend`."""
    if backend == ENSEMBLE:
        return ENSEMBLE, ""
    return config.platform or (ONNX_PLATFORM if backend == ONNX else ""), backend


def check_config(config: Any, reshaped: bool = False) -> None:
    """Raise `AddError` for what the protocols or the gateway do not have.

    With `reshaped`, tensors may have a `reshape`.
    """
    if config.model_transaction_policy.decoupled:
        raise AddError(
            f"{CONFIG}: the model is decoupled: a request may have any number of answers, and has one in the "
            "protocols here. Set decoupled to false and return one response per request"
        )
    if config.HasField("sequence_batching"):
        raise AddError(
            f"{CONFIG}: sequence_batching keeps a state between requests, and requests here are independent. "
            "Make the state an input and an output of the model, or one request of the whole sequence"
        )
    for why in filter(None, (_why_not(role, item, reshaped) for role, item in _items(config))):
        raise AddError(f"{CONFIG}: {why}")
    if len(config.batch_input) or len(config.batch_output):
        raise AddError(f"{CONFIG}: batch_input and batch_output depend on the batch; leave them out")
    for role in ("input", "output"):
        if not len(getattr(config, role)):
            raise AddError(f"{CONFIG} has no {role}; name each {role} with data_type and dims")


def _items(config: Any) -> Iterator[tuple[str, Any]]:
    for role in ("input", "output"):
        for item in getattr(config, role):
            yield role, item


def _why_not(role: str, item: Any, reshaped: bool) -> str:
    """Why a tensor cannot be served; empty if it can."""
    if item.HasField("reshape") and not reshaped:
        return f"the {role} {item.name!r} has a reshape; write the shape that the model has into dims"
    if getattr(item, "optional", False):
        return f"the {role} {item.name!r} is optional; every question here has all inputs. Leave `optional` out"
    if item.is_shape_tensor:
        return f"the {role} {item.name!r} is a shape tensor of TensorRT, whose values belong to a whole batch"
    if getattr(item, "allow_ragged_batch", False):
        return f"the {role} {item.name!r} allows ragged batches; leave allow_ragged_batch out"
    if _datatype(item) not in DTYPES:
        return f"the {role} {item.name!r} has no data_type; write one such as TYPE_FP32"
    if not item.dims:
        return f"the {role} {item.name!r} has no dims; a tensor of one number has [1]"
    return ""


def tensors(config: Any, role: str) -> tuple[Tensor, ...]:
    """The inputs or outputs as the model has them; a row axis is in front if `max_batch_size` is above 0."""
    found = []
    for item in getattr(config, role):
        sizes = [f"{item.name}_{axis}" if size < 0 else int(size) for axis, size in enumerate(item.dims)]
        rows = ["rows"] if config.max_batch_size > 0 else []
        found.append(Tensor(item.name, _datatype(item), (*rows, *sizes)))
    return tuple(found)


def published(config: Any, name: str) -> bytes:
    """The configuration of every version of the model `name`, for any server.

    Kinds of instances and GPUs are those of a server, so they are left out.
    """
    made = pb.ModelConfig()
    made.CopyFrom(config)
    made.name = name
    made.version_policy.CopyFrom(pb.ModelVersionPolicy(all=pb.ModelVersionPolicy.All()))
    # What other files say of the model is in the manifest, or not needed; the model's own file has the usual name.
    made.default_model_filename = ""
    for item in made.output:
        item.label_filename = ""
    if any(entry.input_data_file for warmup in made.model_warmup for entry in warmup.inputs.values()):
        del made.model_warmup[:]
    if not made.HasField("ensemble_scheduling"):
        count = max((group.count for group in made.instance_group), default=1)
        del made.instance_group[:]
        made.instance_group.add(count=max(1, count))
    text = str(text_format.MessageToString(made, use_short_repeated_primitives=True))
    return (FOLDER_HEADER + text).encode()


def _datatype(item: Any) -> str:
    """The protocol's name of a data type; Triton calls BYTES a string."""
    name = str(pb.DataType.Name(item.data_type)).removeprefix("TYPE_")
    return "BYTES" if name == "STRING" else name
