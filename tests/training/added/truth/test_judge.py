"""Small models are judged on small data, as a command would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest

from serving.kernel.added.columns import AddedContext
from tests.training.added.models import classifier, node, save, value
from tests.training.added.truth.made import good, judged, noise, rows, values
from training.added.errors import AddError
from training.added.truth import judge as module

FLOAT = onnx.TensorProto.FLOAT


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def failed(made: Any) -> list[str]:
    return [check.name for check in made.judged.checks if not check.passed]


def test_a_good_classifier_passes_and_its_manifest_says_what_was_measured(
    tmp_path: Path, stack: ExitStack
) -> None:
    made = judged(stack, good(tmp_path), rows(), "churned")
    manifest = made.built.manifest
    assert failed(made) == [] and manifest.gate == made.judged.checks
    assert [check.name for check in manifest.gate] == ["finite outputs", "metrics", "beats chance"]
    assert msgspec.json.decode(manifest.context, type=AddedContext).judged and made.built.context.judged
    assert manifest.split["kind"] == "random" and sum(manifest.rows.values()) == 300
    assert manifest.metrics[0].name == "auroc" and manifest.metrics[0].rows == manifest.rows["held_out"]
    assert "about half of the rows, drawn at random" in manifest.notes[-1]
    assert "not judged" not in made.built.app.summary
    kept = made.judged.evaluation.rows
    assert {"key", "block", "actual", "predicted", "baseline"} <= set(kept) and kept["key"].is_unique


def test_noise_is_refused(tmp_path: Path, stack: ExitStack) -> None:
    assert failed(judged(stack, noise(tmp_path), rows(), "churned")) == ["beats chance"]


@pytest.mark.parametrize("label", ["churned", "amount"])
def test_a_column_that_gives_the_label_away_is_named_where_the_model_reads_it(
    tmp_path: Path, stack: ExitStack, label: str
) -> None:
    frame = rows()
    if label == "churned":
        frame["a"] = ((frame["churned"] == "yes") * 4.0 - 2 + 0.1 * frame["b"]).astype(np.float32)
    else:
        frame["aside"] = 3 * frame["amount"]
    made = judged(stack, good(tmp_path) if label == "churned" else values(tmp_path), frame, label)
    said = [note for note in made.built.manifest.notes if "which the model reads" in note]
    assert len(said) == (label == "churned")
    for note in said:
        assert note.startswith("The column 'a', which the model reads, alone predicts 'churned' implausibly well")
        assert note.endswith("asked, the figures are too good and the model is of no use.")


def test_sixty_rows_are_enough_for_a_good_model(tmp_path: Path, stack: ExitStack) -> None:
    for label, path in (("churned", good(tmp_path)), ("amount", values(tmp_path))):
        made = judged(stack, path, rows(60), label)
        assert failed(made) == [] and 20 <= made.built.manifest.rows["held_out"] <= 40


def test_rows_are_split_by_time_and_by_group(tmp_path: Path, stack: ExitStack) -> None:
    made = judged(stack, values(tmp_path), rows(), "amount", time="day")
    assert [column.name for column in made.built.context.columns] == ["a", "b", "c"], "the day is no feature"
    assert [check.name for check in made.judged.checks][-3:] == [
        "beats the mean or the median",
        "beats one answer to every row",
        "beats the last value",
    ]
    assert failed(made) == [] and made.judged.evaluation.rows["block"].nunique() == 20
    grouped = judged(stack, good(tmp_path), rows(), "churned", group="who")
    assert failed(grouped) == [] and grouped.built.manifest.split["column"] == "who"
    assert grouped.judged.evaluation.rows["block"].str.startswith("customer").all()


def test_numbers_of_classes_in_the_graph_are_names(tmp_path: Path, stack: ExitStack) -> None:
    path = classifier(tmp_path / "levels.onnx", [[-9, 0, 0], [0, 0, 0], [9, 0, 0]], [1, 2, 3])
    made = judged(stack, path, rows(), "level")
    assert made.built.context.labels == ("1", "2", "3") and failed(made) == []
    assert made.judged.evaluation.kind == "classes"
    bare = classifier(tmp_path / "bare.onnx", [[-9, 0, 0], [0, 0, 0], [9, 0, 0]], [1, 2, 3], scores=False)
    assert [check.name for check in judged(stack, bare, rows(), "level").judged.checks][0] == "metrics"


def test_scores_without_names_are_judged_by_number_and_served_as_they_are(
    tmp_path: Path, stack: ExitStack
) -> None:
    frame = rows().assign(flag=rows()["churned"] == "yes")
    path = save(
        tmp_path / "logits.onnx",
        [node("MatMul", ["x", "w"], ["logits"])],
        [value("x", FLOAT, ["n", 3])],
        [value("logits", FLOAT, ["n", 2])],
        {"w": np.array([[-3, 3], [0, 0], [0, 0]], np.float32)},
    )
    made = judged(stack, path, frame, "flag")
    assert failed(made) == [] and made.judged.evaluation.kind == "probabilities"
    assert made.judged.evaluation.rows["predicted"].between(0, 1).all()
    assert made.built.context.labels == () and made.built.context.judged


def test_a_model_that_runs_row_by_row_is_judged_row_by_row(tmp_path: Path, stack: ExitStack) -> None:
    path = save(
        tmp_path / "one.onnx",
        [node("ReduceSum", ["x", "axis"], ["y"], keepdims=0)],
        [value("x", FLOAT, [1, 3])],
        [value("y", FLOAT, [1])],
        {"axis": np.array([1])},
    )
    frame = rows(100)
    frame["sum"] = frame[["a", "b", "c"]].sum(axis=1) + 0.01 * np.arange(100)
    made = judged(stack, path, frame, "sum")
    assert made.built.context.alone and failed(made) == []


def test_outputs_that_are_not_finite_are_refused(tmp_path: Path, stack: ExitStack) -> None:
    path = save(
        tmp_path / "log.onnx",
        [node("Log", ["x"], ["l"]), node("ReduceSum", ["l", "axis"], ["y"], keepdims=0)],
        [value("x", FLOAT, ["n", 3])],
        [value("y", FLOAT, ["n"])],
        {"axis": np.array([1])},
    )
    frame = rows(100)
    frame.loc[0, ["a", "b", "c"]] = 1.0
    made = judged(stack, path, frame, "amount")
    assert failed(made) == ["finite outputs"] and made.built.manifest.metrics == ()


def test_more_rows_than_there_is_time_for_are_thinned_out(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 0.0)
    made = judged(stack, values(tmp_path), rows(400), "amount", time="day")
    assert made.built.manifest.rows == {"baseline": 200, "held_out": 64}
    assert "Of 200 held-out rows, 64 are measured: more would take too long." in made.built.manifest.notes


@pytest.mark.parametrize(
    ("frame", "label", "said"),
    [
        (rows().assign(churned="no"), "churned", "two classes need at least 5 each"),
        (rows().assign(amount=1.5), "amount", "every held-out row has the value 1.5"),
        (rows().assign(churned=["maybe", *rows()["churned"][1:]]), "churned", "'maybe', which is not a class"),
        (rows(15), "churned", "an interval needs 10"),
    ],
)
def test_labels_that_cannot_judge_are_refused(
    tmp_path: Path, stack: ExitStack, frame: pd.DataFrame, label: str, said: str
) -> None:
    path = good(tmp_path) if label == "churned" else values(tmp_path)
    with pytest.raises(AddError, match=said):
        judged(stack, path, frame, label)


def test_a_row_with_which_the_model_fails_is_named(tmp_path: Path, stack: ExitStack) -> None:
    path = save(
        tmp_path / "table.onnx",
        [
            node("Cast", ["x"], ["ids"], to=onnx.TensorProto.INT64),
            node("Gather", ["table", "ids"], ["found"]),
            node("ReduceSum", ["found", "axis"], ["y"], keepdims=0),
        ],
        [value("x", FLOAT, ["n", 3])],
        [value("y", FLOAT, ["n"])],
        {"table": np.arange(50, dtype=np.float32), "axis": np.array([1])},
    )
    frame = rows(600)
    frame[["a", "b", "c"]] = np.repeat(1.0 + np.arange(600)[:, None] % 40, 3, axis=1)
    frame.loc[580:, "a"] = 99.0
    with pytest.raises(AddError, match=r"the model fails with row \d+ of the labelled rows, or one of the"):
        judged(stack, path, frame, "amount", time="day")
