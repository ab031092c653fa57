"""A pipeline in a safe format becomes a version, by way of the converting process."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.training.added.models import linear
from tests.training.added.sources.proof import table
from tests.training.added.sources.stored import stored
from training.added.build import Wanted, build
from training.added.errors import AddError
from training.added.sources.as_onnx import as_onnx
from training.progress import Silent


def test_a_pipeline_of_skops(tmp_path: Path) -> None:
    import skops.io  # it imports for two seconds

    frame = table(100)
    columns = make_column_transformer(
        (OneHotEncoder(), ["plan"]), (CountVectorizer(), "note"), ("passthrough", ["age", "spent"])
    )
    model = make_pipeline(columns, RandomForestClassifier(3, random_state=0))
    skops.io.dump(model.fit(frame, frame["age"] > 40), tmp_path / "m.skops")
    folder = tmp_path / "servable"
    folder.mkdir()
    with as_onnx(tmp_path / "m.skops", frame, (), False, Silent()) as made:
        assert made.labels == ("False", "True") and made.native is not None
        wanted = Wanted(
            name="m",
            path=made.path,
            source="m.skops",
            sample=frame,
            columns=made.columns,
            labels=made.labels,
            native=made.native,
            triton=False,
        )
        built = build(wanted, folder, Silent())
    assert not made.path.exists()
    assert [line.pair for line in built.manifest.parity][:2] == ["native/onnxruntime"] * 2
    assert [column.name for column in built.context.columns] == ["age", "spent", "plan", "note"]


def test_onnx_is_taken_as_it_is_and_pickles_are_refused(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    with as_onnx(path, None, (), False, Silent()) as made:
        assert (made.path, made.native) == (path, None)
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(AddError, match="runs Python code"), as_onnx(tmp_path / "m.pkl", None, (), False, Silent()):
        pass


def test_cells_that_are_empty_in_mlflows_example_may_be_left_out(tmp_path: Path) -> None:
    folder = stored(tmp_path / "m")
    example = "saved_input_example_info: {artifact_path: rows.json, pandas_orient: split, type: dataframe}"
    (folder / "MLmodel").write_text((folder / "MLmodel").read_text() + example)
    (folder / "rows.json").write_text('{"columns": ["age", "income"], "data": [[1.0, null], [2.0, 3.0]]}')
    with as_onnx(folder, None, (), False, Silent()) as made:
        wanted = Wanted(name="m", path=made.path, source="m", columns=made.columns, gaps=made.gaps, triton=False)
        built = build(wanted, Path(tempfile.mkdtemp(dir=tmp_path)), Silent())
    assert made.gaps == ("income",)
    assert [(column.name, column.optional) for column in built.context.columns] == [
        ("age", False),
        ("income", True),
    ]


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [
        ("binary", ["yes", "no", "no"], [0.8830939, 0.2089857, 0.3933012]),
        ("number", [], [1.2016564, -0.2614437, -0.2614437]),
    ],
)
def test_catboosts_own_files(tmp_path: Path, name: str, label: list[str], values: list[float]) -> None:
    """What CatBoost 1.2.10 answered to the same rows when it wrote the files."""
    rows = np.array([[0.13, -0.13, 0.64, 0.1], [-0.54, 0.36, 1.3, 0.95], [-0.7, -1.27, -0.62, 0.04]], np.float32)
    with as_onnx(Path(__file__).parent / "catboost" / f"{name}.onnx", None, (), False, Silent()) as made:
        built = build(Wanted(name="m", path=made.path, source=name, triton=False), tmp_path, Silent())
    outputs = built.run({"features": rows})
    answers = built.app.decide([None] * 3, outputs, built.context)
    if label:
        assert [answer.c_label for answer in answers] == label
        assert [answer.c_probabilities["yes"] for answer in answers] == pytest.approx(values, rel=1e-5)
    else:
        assert outputs["predictions"].reshape(-1).tolist() == pytest.approx(values, rel=1e-5)
