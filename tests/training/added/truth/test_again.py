"""Published versions, judged or not, are compared on one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import onnx
import pytest

from tests.training.added.models import classifier, node, save, value
from tests.training.added.truth.made import NAMES, good, judged, noise, rows
from training.added.add import add, prepared
from training.added.build import Wanted
from training.added.truth.again import judge_again
from training.compare.run import CompareRequest, Comparison, compare
from training.errors import DataError
from training.progress import Silent
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """Version 1 (good, judged), 2 (noise, not judged), 3 (good, other order of columns), and a file of rows."""
    folder = tmp_path_factory.mktemp("again")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    registry, root = Registry(f"sqlite:///{folder}/mlflow.db"), folder / "models"
    frame = rows(200)
    frame.to_csv(folder / "rows.csv", index=False)
    with ExitStack() as stack:
        add(judged(stack, good(folder), frame, "churned", group="who"), registry, root, Silent())
    turned = classifier(folder / "turned.onnx", [[0, 0, -2], [0, 0, 2]], NAMES)
    for path, columns in ((noise(folder), ["a", "b", "c"]), (turned, ["c", "b", "a"])):
        wanted = Wanted(name="m", path=path, source=path.name, sample=frame[columns], triton=False)
        with prepared(wanted, Silent()) as made:
            add(made, registry, root, Silent())
    yield folder


def compared(place: Path, first: int, second: int, name: str = "rows.csv", **select: str) -> Comparison:
    request = CompareRequest(
        app="m",
        versions=(first, second),
        repository=place / "models",
        paths=(place / name,),
        options=RecipeOptions(select=select),
    )
    return compare(request, judge=judge_again)


def test_a_good_version_is_better_than_noise_on_the_rows_of_its_split(place: Path) -> None:
    found = compared(place, 2, 1)
    assert (found.lines[0].metric, found.lines[0].verdict) == ("auroc", "version 1 is better")
    assert found.data == "rows.csv" and found.lines[0].blocks < 40, "groups are drawn together"
    assert found.notes[0] == "it is not known whether the versions were trained on these rows"


def test_versions_with_other_columns_answer_the_same_rows(place: Path) -> None:
    found = compared(place, 1, 3, label="churned")
    assert [line.difference for line in found.lines] == pytest.approx([0] * len(found.lines), abs=1e-6)
    assert found.rows == found.rows_first == found.rows_second


def test_what_is_missing_is_named(place: Path) -> None:
    with pytest.raises(DataError, match="neither version was judged: name the column with the known answers"):
        compared(place, 2, 3)
    rows(60).drop(columns="b").to_csv(place / "short.csv", index=False)
    with pytest.raises(DataError, match="m version 1 takes the column 'b', which the file does not have"):
        compared(place, 1, 3, "short.csv")
    rows(60).assign(b="x").to_csv(place / "wrong.csv", index=False)
    with pytest.raises(DataError, match="row 1 of the labelled rows does not fit m version 1: .*got `str`"):
        compared(place, 1, 3, "wrong.csv")


def test_columns_of_text_and_gaps_are_asked_as_a_client_would(tmp_path: Path, registry: Registry) -> None:
    frame = rows(80)
    frame["plan"] = (frame["a"] > 0).map({True: "1", False: "2"})
    frame.loc[3, "b"] = None
    frame["y"] = (frame["a"] > 0) * 5.0 + 0.01 * frame["c"]
    code = node(
        "LabelEncoder", ["plan"], ["code"], domain="ai.onnx.ml", keys_strings=["1", "2"], values_floats=[5.0, 0.0]
    )
    path = save(
        tmp_path / "plans.onnx",
        [code, node("IsNaN", ["b"], ["gap"]), node("Where", ["gap", "code", "code"], ["y"])],
        [value("plan", onnx.TensorProto.STRING, ["n", 1]), value("b", onnx.TensorProto.FLOAT, ["n", 1])],
        [value("y", onnx.TensorProto.FLOAT, ["n", 1])],
    )
    for _ in range(2):
        wanted = Wanted(name="m", path=path, source=path.name, sample=frame[["plan", "b"]], triton=False)
        with prepared(wanted, Silent()) as made:
            add(made, registry, tmp_path / "models", Silent())
    frame.to_csv(tmp_path / "rows.csv", index=False)
    found = compared(tmp_path, 1, 2, label="y")
    assert found.kind == "values" and found.lines[0].first == pytest.approx(0.01, abs=0.01)
