"""The table that trained an app is scored as it was written, or the error says why its rows are not questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from serving.kernel.find_app import find_app, find_apps
from tests.trained import Trained
from training import find_recipe
from training.data.notation import Notation
from training.errors import DataError
from training.score.run import ScoreRequest, score
from training.score.training_table import as_parquet, as_questions, why_no_question
from training.score.version import ModelRuntime


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    return find_recipe.find("fraud").generate(7).head(60)


def request(folder: Path, trained: Trained, data: Path, out: str) -> ScoreRequest:
    trained.version(find_app("fraud"))
    runtime = ModelRuntime(repository=str(trained.repository.root))
    return ScoreRequest(app="fraud", data=data, out=folder / out, home=folder, runtime=runtime, keep=("label",))


def test_a_table_is_scored_in_every_way_a_training_reads(
    tmp_path: Path, trained: Trained, payments: pd.DataFrame
) -> None:
    comma = payments.to_csv(index=False, sep=";", decimal=",")
    payments.to_csv(tmp_path / "plain.csv", index=False)
    (tmp_path / "excel.csv").write_text(f"sep=;\n{comma}")
    payments.to_csv(tmp_path / "packed.csv.gz", index=False)
    found = {}
    for name in ("plain.csv", "excel.csv", "packed.csv.gz"):
        assert score(request(tmp_path, trained, tmp_path / name, f"{name}.out.csv")).rejected == 0
        found[name] = (tmp_path / f"{name}.out.csv").read_bytes()
    assert len(set(found.values())) == 1 and found["plain.csv"].count(b"\n") == 61
    score(request(tmp_path, trained, tmp_path / "excel.csv", "typed.parquet"))
    kinds = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "typed.parquet")}
    assert (kinds["label"], kinds["score"]) == ("int64", "double")
    assert not list(tmp_path.glob("*.parts*"))


def test_errors_name_the_file_that_was_given_and_leave_nothing(
    tmp_path: Path, trained: Trained, payments: pd.DataFrame
) -> None:
    payments.drop(columns="amount").to_csv(tmp_path / "short.csv", index=False, sep=";")
    with pytest.raises(DataError, match="^short.csv: column 'amount' is missing"):
        score(request(tmp_path, trained, tmp_path / "short.csv", "out.csv"))
    assert not list(tmp_path.glob("*.parts*"))


def test_arrays_are_read_and_plain_files_stay(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((3, 2)), y=np.arange(3))
    assert as_parquet(tmp_path / "a.npz", tmp_path / "t.parquet", Notation())
    assert pq.read_table(tmp_path / "t.parquet").to_pydict() == {"X_1": [1] * 3, "X_2": [1] * 3, "y": [0, 1, 2]}
    (tmp_path / "odd.csv").write_text("label;amount\n0;1,234\n")
    with pytest.raises(DataError, match="odd.csv: .*--decimal comma or point"):
        as_parquet(tmp_path / "odd.csv", tmp_path / "t.parquet", Notation())
    assert as_parquet(tmp_path / "odd.csv", tmp_path / "t.parquet", Notation.of({"decimal": "comma"}))
    assert pq.read_table(tmp_path / "t.parquet").to_pydict() == {"label": [0], "amount": [1.234]}
    for name in ("a.csv", "a.jsonl", "gone.csv"):
        if name != "gone.csv":
            (tmp_path / name).write_text("a,b\n1,2\n")
        assert as_parquet(tmp_path / name, tmp_path / "none.parquet", Notation()) == ""
    assert not (tmp_path / "none.parquet").exists()


def test_pairs_are_questions_with_one_availability(tmp_path: Path) -> None:
    recipe, question = find_recipe.find("matching"), find_app("matching").question
    pairs = recipe.generate(7).head(4)
    plain, records = tmp_path / "pairs.csv", tmp_path / "pairs.txt"
    pairs.assign(code="007").to_csv(plain, index=False, sep=";")
    sides = [f"COL name VAL {name}" for name in ("bolt M8", "nut M8")]
    records.write_text(f"{sides[0]}\t{sides[1]}\t0\n{sides[0]}\t{sides[0]}\t1\n")
    made = tmp_path / "made.parquet"
    assert as_questions("matching", question, plain, made, Notation(), ("label",))
    found = pq.read_table(made).to_pylist()
    assert [row["label"] for row in found] == pairs["label"].tolist()
    assert found[1]["requirement"]["name"] == pairs["requirement_name"].iloc[1]
    assert [one["id"] for one in found[1]["availabilities"]] == ["1"]
    assert as_questions("matching", question, records, made, Notation(), ("label", "file"))
    assert pq.read_table(made).select(["label", "file"]).to_pydict() == {"label": [0, 1], "file": ["pairs"] * 2}
    with pytest.raises(DataError, match="--keep order: pairs.txt has no such column"):
        as_questions("matching", question, records, made, Notation(), ("order",))
    plain.write_text("requirement_name,availability_name,availability_price\nbolt,nut,cheap\n")
    with pytest.raises(DataError, match="pairs.csv, row 2, column 'availability_price': found 'cheap'"):
        as_questions("matching", question, plain, made, Notation(), ())


def test_files_of_questions_and_other_apps_are_left_alone(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", "{}\n"), ("a.csv", "requirement\n1\n")):
        (tmp_path / name).write_text(text)
        given = (find_app("matching").question, tmp_path / name, tmp_path / "made", Notation(), ())
        assert as_questions("matching", *given) == ""
    given = (find_app("price").question, tmp_path / "a.csv", tmp_path / "made", Notation(), ())
    assert as_questions("price", *given) == as_questions("no_such_app", *given) == ""


@pytest.mark.parametrize("name", [app.name for app in find_apps()])
def test_rows_that_are_no_questions_are_called_so(tmp_path: Path, name: str) -> None:
    recipe, question = find_recipe.find(name), find_app(name).question
    (tmp_path / "t.csv").write_text(f"{','.join(recipe.schema.columns)}\n")
    said = why_no_question(name, question, tmp_path / "t.csv")
    assert bool(said) is (name not in ("fraud", "matching", "quality"))
    assert not said or said.startswith(f"a row of a table that trains {name} is not a question: it ")
    (tmp_path / "asked.csv").write_text("order,horizon\n1,2\n")
    assert why_no_question(name, question, tmp_path / "asked.csv") == ""
