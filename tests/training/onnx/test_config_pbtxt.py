from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.app_values import load_values
from tests.training import toy
from training.onnx.config_pbtxt import config_pbtxt


def test_the_text_is_what_triton_reads_and_always_the_same() -> None:
    values = load_values(toy.app.folder)
    text = config_pbtxt(toy.app, values)
    assert text == config_pbtxt(toy.app, values)
    config = text_format.Parse(text, pb.ModelConfig())
    assert (config.name, config.backend, config.max_batch_size) == ("toy", "onnxruntime", 4096)
    assert [(item.name, list(item.dims), item.data_type) for item in config.input] == [
        ("features", [2], pb.TYPE_FP32)
    ]
    assert [(item.name, list(item.dims)) for item in config.output] == [("y", [1])]
    assert config.HasField("dynamic_batching")
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 1024
    assert config.dynamic_batching.max_queue_delay_microseconds == 0
    assert config.version_policy.HasField("all")


def test_the_committed_configuration_is_up_to_date(root: Path) -> None:
    folders = [path.parent for path in (root / "model-repository").glob("*/config.pbtxt")]
    if not folders:
        pytest.skip("no app has a committed configuration yet")
    for folder in folders:
        module = importlib.import_module(f"apps.{folder.name}.app")
        wanted = config_pbtxt(module.app, load_values(module.app.folder))
        assert (folder / "config.pbtxt").read_text() == wanted, folder.name
