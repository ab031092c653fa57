from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.apps.answer import Nothing
from benchmarks.peers.model import Model
from benchmarks.setup import models
from benchmarks.setup.place import Place
from training.onnx.parity import onnx_model


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make("autoencoder", Place(tmp_path_factory.mktemp("bench")), lambda text: None)


def test_models_are_made_the_same_way_and_once(autoencoder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    again = models.make("autoencoder", Place(tmp_path), said.append)
    assert again.read_bytes() == autoencoder.read_bytes()
    models.make("autoencoder", Place(tmp_path), said.append)
    assert said == ["making the model autoencoder"]


def test_samples_are_always_the_same_and_fit_the_app() -> None:
    for name in models.MODELS:
        arrays = models.sample(name, 3)
        for spec in models.app_of(name).inputs:
            assert arrays[spec.name].shape == (3, *spec.shape[1:])
            np.testing.assert_array_equal(arrays[spec.name], models.sample(name, 3)[spec.name])


def test_slipway_and_the_peers_do_the_same_arithmetic(autoencoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_MODEL", str(autoencoder))
    arrays = models.sample("autoencoder", 5)
    app, run = models.app_of("autoencoder"), onnx_model(autoencoder)
    questions = [app.question(x=row.tolist()) for row in arrays["x"]]
    answers = app.decide(questions, run(app.features(questions, Nothing())), Nothing())
    peers = Model().errors([{"x": row.tolist()} for row in arrays["x"]])
    np.testing.assert_allclose([answer.e for answer in answers], peers, rtol=1e-6)
    assert len(set(peers)) == 5
