from __future__ import annotations

import time
from pathlib import Path

import pytest

from control.stack.files.layout import Layout
from control.stack.files.ledger import Ledger, Training, Trainings, failure


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_a_plan_and_its_changes(layout: Layout) -> None:
    ledger = Ledger(layout, "this")
    assert ledger.read().apps == ()
    ledger.plan(("price", "vendor"))
    ledger.change("price", state="trained", seconds=3.0, version=4)
    ledger.change("vendor", state="training", started=time.time() - 10, step="fit")
    found = ledger.read()
    assert [one.app for one in found.apps] == ["price", "vendor"]
    assert [one.version for one in found.of("trained")] == [4]
    assert found.of("waiting", "failed") == ()
    price, vendor = found.apps
    assert price.age() == 3.0 and vendor.age() >= 10.0
    assert Training(app="price").age() == 0.0
    assert [path.name for path in layout.home.iterdir()] == ["trainings.json"]


def test_an_earlier_stack_s_plan_is_not_this_one_s(layout: Layout) -> None:
    Ledger(layout, "earlier").plan(("price",))
    assert Ledger(layout, "this").read() == Trainings()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"apps": 3}'])
def test_half_a_file_is_no_plan(layout: Layout, text: str) -> None:
    layout.trainings.write_text(text)
    assert Ledger(layout, "").read() == Trainings()


def test_a_failure_says_what_to_do() -> None:
    text = failure(Training(app="price", state="failed", reason="no rows"), Path("/logs/trainer.log"))
    assert text.startswith("price could not be trained: no rows\n")
    assert "/logs/trainer.log" in text and "`slipway train price`" in text and "`slipway up`" in text
