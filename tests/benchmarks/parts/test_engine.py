from __future__ import annotations

from pathlib import Path

import pytest
import uvloop

from benchmarks.parts import engine
from benchmarks.setup import models
from benchmarks.setup.place import BenchmarkError, Place


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make("autoencoder", Place(tmp_path_factory.mktemp("bench")), lambda text: None)


def test_every_way_is_measured(
    autoencoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "ROUNDS", 1)
    monkeypatch.setattr(engine, "SECONDS", 0.01)
    monkeypatch.setattr(engine, "CALLS", 10)
    engine._one_row(autoencoder)
    uvloop.run(engine._ways(autoencoder, "autoencoder", 2, 3))
    out = capsys.readouterr().out
    for way in ("IO binding", "ONNX Runtime alone", "as Slipway chooses", "on the loop", "threads", "all cores"):
        assert way in out
    assert "requests of 2 rows, 3 at a time" in out


def test_an_opening_costs_time_and_memory(autoencoder: Path, tmp_path: Path) -> None:
    for folder in ("", str(tmp_path), str(tmp_path)):
        milliseconds, megabytes = engine._opening(autoencoder, folder)
        assert milliseconds > 0
        assert megabytes > 0


def test_a_model_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(BenchmarkError, match=r"bad\.onnx could not be opened:\n(?s:.*)INVALID_PROTOBUF"):
        engine._opening(tmp_path / "bad.onnx", "")
