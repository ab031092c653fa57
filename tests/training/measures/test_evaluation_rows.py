from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.compare.made import judged, values
from training.errors import DataError
from training.measures.evaluation_rows import keyed, load, pair, save, with_keys
from training.recipe import Kind

NAMES = ("version 1", "version 2")


@pytest.mark.parametrize("kind", ["values", "probabilities", "classes"])
def test_what_is_saved_is_loaded(tmp_path: Path, kind: Kind) -> None:
    made = values(5.0) if kind == "values" else judged(kind)
    found = load(save(tmp_path / "evaluation", made))
    assert found.kind == kind
    wanted = made.rows.assign(block=made.rows["block"].astype(str))
    pd.testing.assert_frame_equal(found.rows, wanted, check_dtype=False)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"rows\.parquet: cannot be read"):
        load(path)
    values(1.0).rows.to_parquet(path)
    with pytest.raises(DataError, match="kind '' is unknown; expected values, probabilities or classes"):
        load(path)


def test_equal_rows_get_keys_of_their_own() -> None:
    table = with_keys(pd.DataFrame({"actual": [1, 2, 3]}), [1, 1, 2], ["a", "a", "b"], [5, 5, 5])
    assert list(table["key"]) == ["a|5", "a|5#2", "b|5"]
    assert list(table["block"]) == [1, 1, 2]
    made = values(5.0)
    found = keyed(made, range(len(made.rows)), made.rows["actual"])
    assert (found.metrics, found.kind) == (made.metrics, made.kind)
    assert list(found.rows["block"]) == list(range(len(made.rows)))


def test_rows_are_paired_by_key_whatever_their_order() -> None:
    one, other = values(5.0), values(2.0, seed=2)
    mixed = replace(other, rows=other.rows.sample(frac=1.0, random_state=3).iloc[:300].assign(block=7, slice="x"))
    paired = pair(one, mixed, NAMES)
    assert len(paired.first) == 300
    assert list(paired.first.index) == list(paired.second.index)
    assert np.array_equal(paired.first["actual"], paired.second["actual"])
    assert list(paired.second["block"]) == list(paired.first["block"])
    assert list(paired.second["slice"]) == list(paired.first["slice"])


def test_rows_with_nothing_in_common_are_no_rows() -> None:
    one = values(5.0)
    other = replace(one, rows=one.rows.assign(key="other " + one.rows["key"]))
    assert pair(one, other, NAMES).first.empty


def test_what_cannot_be_paired_is_refused() -> None:
    one = values(5.0)
    with pytest.raises(DataError, match="version 1 was judged on values, version 2 on classes"):
        pair(one, judged("classes"), NAMES)
    with pytest.raises(DataError, match="version 2: its evaluation rows have no column 'key'"):
        pair(one, replace(one, rows=one.rows.drop(columns="key")), NAMES)
    with pytest.raises(DataError, match="version 2: 399 evaluation rows repeat a key, for example same"):
        pair(one, replace(one, rows=one.rows.assign(key="same")), NAMES)


@pytest.mark.parametrize("kind", ["values", "classes"])
def test_other_truths_are_refused(kind: Kind) -> None:
    one = values(5.0) if kind == "values" else judged(kind)
    changed = one.rows.copy()
    changed.loc[3, "actual"] = 17.5 if kind == "values" else "C"
    with pytest.raises(DataError, match=r"1 of \d+ rows have different actual values: 3 is .*judge both on one"):
        pair(one, replace(one, rows=changed), NAMES)
