from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from control.errors import NewAppError
from control.new.from_file.kinds import Kind
from control.new.from_file.plan import Plan, plan
from tests.control.new.from_file.tables import churn, houses


def planned(frame: pd.DataFrame, label: str, *allowed: str) -> Plan:
    return plan(frame, "rows.csv", label, None, None, allowed)


def test_columns_that_give_the_label_away_are_left_out() -> None:
    left = churn().assign(**{"reason left": lambda table: np.where(table["churned"] == 1, "price", "none")})
    found = planned(left, "churned")
    assert found.left_out[-1] == (
        "reason left",
        "it alone predicts 'churned' implausibly well (macro-F1 1.0000); --allow-column 'reason left' keeps it",
    )
    assert "reason left" in [column.name for column in planned(left, "churned", "reason left").inputs]
    taxed = planned(houses().assign(tax=lambda table: table["price"] * 0.02), "price")
    assert taxed.kind is Kind.REGRESSION
    assert dict(taxed.left_out)["tax"].startswith("it alone gives 'price' away (correlation 1.0000)")


def test_what_training_would_refuse_is_left_out() -> None:
    """It is not the label, but a model could do without all other columns."""
    noise = np.random.default_rng(0).normal
    near = planned(houses().assign(offer=lambda table: table["price"] * noise(1, 0.03, len(table))), "price")
    assert dict(near.left_out)["offer"].startswith("it alone predicts 'price' implausibly well (correlation 0.99")


def test_a_table_of_nothing_else_is_refused() -> None:
    with pytest.raises(NewAppError, match="no column that a model of a table can use: copy: it alone predicts"):
        planned(churn()[["churned"]].assign(copy=lambda table: 1 - table["churned"]), "churned")


def test_an_allowed_column_must_be_there() -> None:
    with pytest.raises(
        NewAppError, match=r"--allow-column gone: there is no such column; the file has: customer_id,"
    ):
        planned(churn(), "churned", "gone")
