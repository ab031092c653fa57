from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from serving.models.backends.encoder import OnnxEncoder
from tests.serving import collected, toy
from tests.serving.collected import WIDTH, Lot, Want, open_encoder


def test_records_and_questions_have_one_encoder(tmp_path: Path) -> None:
    encoder = open_encoder(tmp_path)
    records = encoder.records([Lot(str(number), "abc" * (1 + number)) for number in range(150)])
    questions = encoder.questions([Want("cab")])
    assert records.shape == (150, WIDTH)
    assert records.dtype == np.float32
    np.testing.assert_allclose(records @ questions.T, 1, atol=1e-5)
    assert encoder.questions([]).shape == (0, WIDTH)


def test_another_graph_or_app_is_refused(tmp_path: Path) -> None:
    onnx.save(toy.model(), tmp_path / "encoder.onnx")
    with pytest.raises(ValueError, match="expected .*letters"):
        OnnxEncoder(collected.app, tmp_path / "encoder.onnx", "d")
    with pytest.raises(ValueError, match="toy has no collection"):
        OnnxEncoder(toy.app, tmp_path / "encoder.onnx", "d")
