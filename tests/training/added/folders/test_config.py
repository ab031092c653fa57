from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from tests.training.added.folders import folders
from training.added.errors import AddError
from training.added.folders.config import backend_of, check_config, engine_of, published, read_config, tensors


def parsed(text: str) -> Any:
    return text_format.Parse(text, pb.ModelConfig())


def test_tensors_have_the_row_axis_that_triton_adds_and_names_for_free_axes() -> None:
    (x,) = tensors(parsed(folders.LINEAR), "input")
    assert (x.name, x.datatype, x.shape) == ("x", "FP32", ("rows", 3))
    (x,) = tensors(parsed(folders.SUMS), "input")
    assert x.shape == (2, "x_1")
    (text,) = tensors(parsed('input { name: "t" data_type: TYPE_STRING dims: [1] }'), "input")
    assert text.datatype == "BYTES"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model_transaction_policy { decoupled: true }", "is decoupled"),
        ("sequence_batching { }", "keeps a state between requests"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [1] optional: true }', "'a' is optional"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [4] reshape { shape: [2, 2] } }', "'a' has a reshape"),
        ('output { name: "b" data_type: TYPE_FP32 dims: [1] reshape { shape: [] } }', "output 'b' has a reshape"),
        ('input { name: "a" data_type: TYPE_FP32 dims: [-1] allow_ragged_batch: true }', "allows ragged batches"),
        ('input { name: "a" data_type: TYPE_INT32 dims: [1] is_shape_tensor: true }', "is a shape tensor"),
        ('input { name: "a" dims: [1] }', "'a' has no data_type"),
        ('input { name: "a" data_type: TYPE_FP32 }', "'a' has no dims"),
        ('batch_input { target_name: "n" }', "depend on the batch"),
    ],
)
def test_what_the_protocols_do_not_have_is_refused_with_the_reason(change: str, said: str) -> None:
    config = parsed(folders.LINEAR)
    check_config(config)
    with pytest.raises(AddError, match=said):
        check_config(parsed(folders.LINEAR + change))


def test_a_model_without_tensors_is_refused() -> None:
    with pytest.raises(AddError, match="has no output"):
        check_config(parsed('input { name: "a" data_type: TYPE_FP32 dims: [1] }'))


def test_what_is_published_fits_any_server_and_every_version() -> None:
    config = parsed(
        folders.LINEAR
        + """
        version_policy { latest { num_versions: 1 } }
        instance_group { count: 3 kind: KIND_GPU gpus: [1] }
        default_model_filename: "other.onnx"
        dynamic_batching { }
        """
    )
    config.output[0].label_filename = "labels.txt"
    made = parsed(published(config, "churn").decode())
    assert made.name == "churn" and made.version_policy.HasField("all") and made.HasField("dynamic_batching")
    (group,) = made.instance_group
    assert (group.count, group.kind, list(group.gpus)) == (3, pb.ModelInstanceGroup.KIND_AUTO, [])
    assert (made.default_model_filename, made.output[0].label_filename) == ("", "")
    assert not parsed(published(parsed(folders.WHOLE), "whole").decode()).instance_group


@pytest.mark.parametrize(
    ("text", "backend", "engine"),
    [
        ('backend: "python"', "python", ("", "python")),
        ('backend: "onnxruntime"', "onnxruntime", ("onnxruntime_onnx", "onnxruntime")),
        ('platform: "tensorrt_plan"', "tensorrt", ("tensorrt_plan", "tensorrt")),
        ('platform: "ensemble" ensemble_scheduling { }', "ensemble", ("ensemble", "")),
        ("ensemble_scheduling { }", "ensemble", ("ensemble", "")),
        ("", "", ("", "")),
    ],
)
def test_the_backend_is_named_by_itself_or_by_its_kind_of_file(
    tmp_path: Path, text: str, backend: str, engine: tuple[str, str]
) -> None:
    assert backend_of(parsed(text), tmp_path) == backend
    assert engine_of(parsed(text), backend) == engine


def test_a_graph_needs_no_backend(tmp_path: Path) -> None:
    assert backend_of(parsed(""), folders.plain(tmp_path)) == "onnxruntime"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "has no config.pbtxt"), (b"\xff", "cannot be read"), (b"max_batch_size: many", "line 1")],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "config.pbtxt").write_bytes(content)
    with pytest.raises(AddError, match=said):
        read_config(tmp_path)
