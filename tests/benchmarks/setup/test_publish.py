from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from benchmarks.setup import models, publish
from benchmarks.setup.place import Place
from serving.kernel.storage.model_repository import Repository
from serving.models.loader import check_signature


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_published_model_is_what_the_data_plane_serves(place: Place) -> None:
    path = models.make("autoencoder", place, lambda text: None)
    publish.for_slipway("autoencoder", path, place)
    found = Repository(place.repository)
    manifest = found.verify("autoencoder", 1)
    check_signature(models.app_of("autoencoder"), manifest)
    assert found.aliases("autoencoder").champion == 1
    assert len(found.golden("autoencoder", 1)) == publish.GOLDEN_ROWS


def test_the_same_model_is_published_once_and_another_replaces_it(place: Place) -> None:
    path = models.make("autoencoder", place, lambda text: None)
    publish.for_slipway("autoencoder", path, place)
    stamp = Repository(place.repository).stamp("autoencoder", 1)
    publish.for_slipway("autoencoder", path, place)
    assert Repository(place.repository).stamp("autoencoder", 1) == stamp
    (place.repository / "autoencoder" / "1" / "golden.jsonl").write_bytes(b"")
    publish.for_slipway("autoencoder", path, place)
    Repository(place.repository).verify("autoencoder", 1)


@pytest.mark.parametrize("name", list(models.MODELS))
def test_triton_is_set_to_batch_without_waiting(name: str) -> None:
    app = models.app_of(name)
    for answer, suffix, width in (("rows", "", app.outputs[0].shape[1]), ("errors", "_errors", 1)):
        config = text_format.Parse(publish.triton_config(name, answer, 2), model_config_pb2.ModelConfig())
        assert (config.name, config.max_batch_size) == (f"{name}{suffix}", publish.BATCHES[answer])
        assert config.HasField("dynamic_batching")
        assert config.dynamic_batching.max_queue_delay_microseconds == 0
        assert [item.name for item in config.input] == [spec.name for spec in app.inputs]
        assert list(config.output[0].dims) == [width]
        assert config.parameters["threads"].string_value == "2"


def test_tritons_folders_hold_the_model_and_its_code(place: Place) -> None:
    path = models.make("autoencoder", place, lambda text: None)
    publish.for_triton("autoencoder", path, place, 1)
    for name in ("autoencoder", "autoencoder_errors"):
        folder = place.triton / name
        assert (folder / "1" / "model.onnx").read_bytes() == path.read_bytes()
        assert "TritonPythonModel" in (folder / "1" / "model.py").read_text()
