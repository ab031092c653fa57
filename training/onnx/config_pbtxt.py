"""`config.pbtxt`: Triton's model configuration, from an app's tensors and its `values.yaml`."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.app import App
from serving.kernel.app_values import Values
from serving.kernel.settings import Settings
from serving.kernel.tensors import TensorSpec

__all__ = ["config_pbtxt"]

HEADER = "# Generated from the app's tensors and its values.yaml by `slipway train`. Do not edit.\n"


def config_pbtxt(app: App[Any, Any, Any], values: Values) -> str:
    """The text of `model-repository/<app>/config.pbtxt`; the same app gives the same bytes.

    A request may have as many rows as the API allows (`max_batch_size`). Requests that wait while a batch runs
    form the next batch. There is no preferred batch size: with one, requests that did not add up to it waited for
    seconds. `batching.max_queue_rows` limits the queue.
    """
    config = pb.ModelConfig(
        name=app.name,
        backend="onnxruntime",
        max_batch_size=1 if app.row_by_row else max(Settings.max_rows, values.batching.max_rows),
        input=[_tensor(pb.ModelInput, spec) for spec in app.inputs],
        output=[_tensor(pb.ModelOutput, spec) for spec in app.outputs],
        # Without a kind, on the GPUs of a server that has some, and on CPUs elsewhere: control/triton/place.py.
        instance_group=[pb.ModelInstanceGroup(count=1)],
        dynamic_batching=pb.ModelDynamicBatching(
            max_queue_delay_microseconds=int(values.batching.max_wait_ms * 1000),
            default_queue_policy=pb.ModelQueuePolicy(
                timeout_action=pb.ModelQueuePolicy.REJECT, max_queue_size=values.batching.max_queue_rows
            ),
        ),
        version_policy=pb.ModelVersionPolicy(all=pb.ModelVersionPolicy.All()),
    )
    config.parameters["intra_op_thread_count"].string_value = "1"
    return HEADER + str(text_format.MessageToString(config, use_short_repeated_primitives=True))


def _tensor(kind: Any, spec: TensorSpec) -> Any:
    """Triton adds the row axis itself and calls BYTES a string."""
    name = "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"
    return kind(name=spec.name, data_type=pb.DataType.Value(name), dims=list(spec.shape[1:]) or [1])
