from __future__ import annotations

import json

import pandas as pd
import pytest

from control.new.from_file.cases import cases, example_question
from control.new.from_file.plan import plan
from tests.control.new.from_file.tables import churn, reviews, sales, visits


@pytest.mark.parametrize(
    ("frame", "label", "measure"),
    [
        (churn(), "churned", "probabilities['1']"),
        (visits(), "grade", "probabilities['middle']"),
        (reviews(), "verdict", "probabilities['praise']"),
        (sales(), "sold", "value"),
    ],
)
def test_every_app_has_a_case_of_each_kind(frame: pd.DataFrame, label: str, measure: str) -> None:
    found = json.loads(cases(plan(frame, "rows.csv", label, None, None)))
    assert {case["kind"] for case in found} == {"invariance", "direction", "refused"}
    (direction,) = [case for case in found if case["kind"] == "direction"]
    assert direction["expect"]["measure"] == measure
    assert direction["changed"] != {name: direction["question"][name] for name in direction["changed"]}
    assert len({case["name"] for case in found}) == len(found)


def test_the_example_is_json_and_in_the_middle() -> None:
    question = example_question(plan(churn(), "rows.csv", "churned", None, None))
    assert json.loads(json.dumps(question)) == question
    assert question["months"] == 30 and question["class_"] == "plus" and question["paperless"] is True
    series = example_question(plan(sales(), "rows.csv", "sold", None, None))
    assert (series["shop"], series["day"], len(series["past"])) == ("east", "2024-02-04", 17)
