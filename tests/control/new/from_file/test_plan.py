from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from control.errors import NewAppError
from control.new.from_file.kinds import Kind, Model
from control.new.from_file.plan import Plan, label_text, plan
from tests.control.new.from_file.tables import cells, churn, houses, reviews, sales, visits


def planned(frame: pd.DataFrame, label: str, kind: Kind | None = None, model: Model | None = None) -> Plan:
    return plan(frame, "rows.csv", label, kind, model)


def names(found: Plan) -> list[str]:
    return [column.name for column in found.inputs]


def twelve() -> pd.DataFrame:
    """Three hundred rows, of which twelve differ."""
    places = np.arange(300) % 12
    return pd.DataFrame(
        {"colour": np.array(list("rgbrgbrgbrgb"))[places], "size": places // 6, "yes": places % 2 == 0}
    )


def test_a_table_of_measurements_is_split_at_random() -> None:
    found = planned(cells(), "diagnosis")
    assert (found.kind, found.model, len(found.inputs)) == (Kind.CLASSIFICATION, Model.XGBOOST, 30)
    assert found.classes == ("benign", "malignant") and sum(found.shares) == pytest.approx(1)
    assert found.time is None and found.group is None and found.left_out == ()


def test_an_identifier_of_single_rows_is_left_out() -> None:
    found = planned(churn(), "churned")
    assert found.kind is Kind.CLASSIFICATION and found.classes == ("0", "1")
    assert "customer_id" not in names(found) and found.group is None
    assert found.left_out == (("customer_id", "it identifies the row or its group"),)


def test_a_date_splits_by_time_and_an_identifier_that_repeats_by_group() -> None:
    dated = planned(houses(), "price")
    assert dated.kind is Kind.REGRESSION and dated.time is not None and dated.time.name == "sold"
    assert names(dated) == ["area", "rooms"]
    grouped = planned(visits(), "grade")
    assert grouped.group is not None and grouped.group.name == "patient_id"
    assert grouped.classes == ("high", "low", "middle")
    named = planned(visits().rename(columns={"patient_id": "Patient no"}), "grade")
    assert named.group is not None and named.group.name == "Patient no"
    worded = (
        visits().assign(customer=lambda table: "P" + table["patient_id"].astype(str)).drop(columns="patient_id")
    )
    assert planned(worded, "grade").group is not None
    assert (
        names(
            planned(worded.assign(customer=list("abcd") * (len(worded) // 4) + ["a"] * (len(worded) % 4)), "grade")
        )[-1]
        == "customer"
    )
    both = planned(visits().assign(seen=pd.date_range("2020-01-01", periods=len(visits())).astype(str)), "grade")
    assert both.time is not None and both.group is None


def test_equal_steps_make_a_forecast_and_sentences_a_text() -> None:
    found = planned(sales(), "sold")
    assert found.kind is Kind.FORECAST and found.steps is not None
    assert (found.steps.unit, found.steps.season, found.steps.names) == ("day", 7, ("east", "west"))
    assert names(found) == ["heat"]
    text = planned(reviews(), "verdict")
    assert text.kind is Kind.TEXT and text.text is not None and text.model is Model.SKLEARN


def test_the_kind_and_the_model_can_be_given() -> None:
    found = planned(sales(), "sold", Kind.REGRESSION, Model.TORCH)
    assert (found.kind, found.model) == (Kind.REGRESSION, Model.TORCH)
    assert found.time is not None and names(found) == ["shop", "heat"]
    texts = planned(houses().assign(price=lambda table: table["price"].astype(str)), "price")
    assert texts.kind is Kind.REGRESSION and texts.target == planned(houses(), "price").target


@pytest.mark.parametrize(
    ("frame", "label", "kind", "said"),
    [
        (churn(), "churn", None, "rows.csv has no column 'churn'; give --label one of: customer_id, months"),
        (churn().assign(churned=1), "churned", None, "--label 'churned' has only one value, '1'"),
        (churn(40), "churned", None, "rows.csv has 40 rows with a 'churned'; an app needs at least 60"),
        (churn().assign(churned=np.nan), "churned", None, "rows.csv has 0 rows with a 'churned'"),
        (reviews(), "text", None, "--label 'text' identifies the rows or is text: "),
        (churn(), "customer_id", None, "--label 'customer_id' identifies the rows or is text"),
        (houses(), "price", Kind.CLASSIFICATION, "a classifier takes up to 32 classes"),
        (churn(), "class", Kind.REGRESSION, "--label 'class' has no numbers; --kind regression predicts a number"),
        (churn(), "churned", Kind.FORECAST, "a forecast needs a date column with equal steps"),
        (churn(), "churned", Kind.TEXT, "rows.csv has no column of free text"),
        (churn()[["customer_id", "churned"]], "churned", None, "customer_id: it identifies the row or its group"),
        (
            churn().assign(churned=["a"] * 297 + ["b"] * 3),
            "churned",
            None,
            "'b' has 3 rows; each class needs at least",
        ),
        (twelve(), "yes", None, "rows.csv has 12 different rows in the columns that a model can use"),
        (
            twelve().assign(x=lambda table: np.where(table["yes"], 150, np.arange(300) * 7 % 300)),
            "yes",
            None,
            "different rows; each class needs at least 10",
        ),
        (
            churn().assign(churned=["a" * 61, "b"] * 150),
            "churned",
            None,
            "has values of 61 characters; a class needs",
        ),
        (
            churn().assign(churned=["pending", *map(str, np.arange(299) / 7)]),
            "churned",
            None,
            "--label 'churned' has 'pending' among its numbers; leave such cells empty",
        ),
        (churn().assign(churned=[[1]] * 300), "churned", None, "cannot be predicted: it has lists or objects"),
        (houses().assign(price=[np.inf] * 300), "price", None, "--label 'price' has only one value"),
        (houses().assign(price=[np.inf, *range(299)]), "price", None, "--label 'price' has infinite values"),
        (pd.DataFrame(np.random.rand(80, 301)).rename(columns=str), "7", None, "has 301 columns; at most 300"),
    ],
)
def test_what_is_refused(frame: pd.DataFrame, label: str, kind: Kind | None, said: str) -> None:
    with pytest.raises(NewAppError) as refusal:
        planned(frame, label, kind)
    assert said in str(refusal.value)


def test_a_model_that_the_kind_has_not_is_refused() -> None:
    with pytest.raises(NewAppError, match="--model torch is not there for --kind text; allowed: sklearn"):
        planned(reviews(), "verdict", model=Model.TORCH)


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (1.5, "1.5"), (True, "True"), (" yes ", "yes"), (3, "3")])
def test_labels_as_text(value: object, text: str) -> None:
    assert label_text(value) == text
