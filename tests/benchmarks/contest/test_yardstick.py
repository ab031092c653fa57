from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contest.yardstick import BATCHES, measure
from benchmarks.setup import models
from benchmarks.setup.place import BenchmarkError, Place


def test_rows_are_counted_for_every_batch(tmp_path: Path) -> None:
    path = models.make("autoencoder", Place(tmp_path), lambda text: None)
    found = measure(path, threads=1, seconds=0.05)
    assert tuple(found) == BATCHES
    assert all(rows > 0 for rows in found.values())


def test_a_model_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "autoencoder.onnx").write_bytes(b"no model")
    with pytest.raises(BenchmarkError, match="alone failed"):
        measure(tmp_path / "autoencoder.onnx", threads=1, seconds=0.05)
