"""`config.pbtxt`: Triton's model configuration, from an app's tensors and its `values.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.app import App
from serving.kernel.app_values import Values
from serving.kernel.settings import Settings
from serving.kernel.tensors import TensorSpec

__all__ = ["HEADER", "config_pbtxt"]

HEADER = "# Generated from the app's tensors and its values.yaml by `slipway train`. Do not edit.\n"
"""How a generated file begins."""


def config_pbtxt(app: App[Any, Any, Any], values: Values, only: Sequence[int] = ()) -> str:
    """The text of `model-repository/<app>/config.pbtxt`; the same app gives the same bytes.

    A request may have as many rows as the API allows (`max_batch_size`). Requests that wait while a batch runs
    form the next batch. There is no preferred batch size: with one, requests that did not add up to it waited for
    seconds. `batching.max_queue_rows` limits the queue. Triton loads every version, or `only` these.
    """
    config = pb.ModelConfig(
        name=app.name,
        backend="onnxruntime",
        # The graph of a model that takes one row has a first axis of 1, which is none of batches for Triton.
        max_batch_size=0 if app.row_by_row else max(Settings.max_rows, values.batching.max_rows),
        input=[_tensor(pb.ModelInput, spec, app.row_by_row) for spec in app.inputs],
        output=[_tensor(pb.ModelOutput, spec, app.row_by_row) for spec in app.outputs],
        # Without a kind, on the GPUs of a server that has some, and on CPUs elsewhere: control/triton/place.py.
        instance_group=[pb.ModelInstanceGroup(count=1)],
        dynamic_batching=None if app.row_by_row else _batching(values),
        version_policy=_policy(only),
    )
    config.parameters["intra_op_thread_count"].string_value = "1"
    return HEADER + str(text_format.MessageToString(config, use_short_repeated_primitives=True))


def _policy(only: Sequence[int]) -> Any:
    if only:
        return pb.ModelVersionPolicy(specific=pb.ModelVersionPolicy.Specific(versions=sorted(only)))
    return pb.ModelVersionPolicy(all=pb.ModelVersionPolicy.All())


def _batching(values: Values) -> Any:
    return pb.ModelDynamicBatching(
        max_queue_delay_microseconds=int(values.batching.max_wait_ms * 1000),
        default_queue_policy=pb.ModelQueuePolicy(
            timeout_action=pb.ModelQueuePolicy.REJECT, max_queue_size=values.batching.max_queue_rows
        ),
    )


def _tensor(kind: Any, spec: TensorSpec, alone: bool) -> Any:
    """Triton adds the row axis itself, unless there are no batches, and calls BYTES a string.

    A tensor must have another axis. Where the graph has none, Triton's clients send one of size 1.
    """
    name = "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"
    rows = [1] if alone else []
    found = kind(name=spec.name, data_type=pb.DataType.Value(name), dims=[*rows, *(spec.shape[1:] or [1])])
    if len(spec.shape) == 1:
        found.reshape.CopyFrom(pb.ModelTensorReshape(shape=rows))
    return found
