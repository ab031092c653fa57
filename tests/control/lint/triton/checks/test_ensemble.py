from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.lint.triton.corpus import Case, check_case, findings
from tests.control.lint.triton.mistakes import MISTAKES


@pytest.mark.parametrize("case", MISTAKES["ensemble"], ids=str)
def test_the_mistake_is_named(case: Case, tmp_path: Path) -> None:
    check_case(tmp_path, case)


def test_a_map_that_is_turned_around_is_told_so(tmp_path: Path) -> None:
    case = next(one for one in MISTAKES["ensemble"] if one.name == "map-turned")
    wrong = next(one for one in findings(tmp_path, case) if one.id == "T212")
    assert wrong.field == 'ensemble_scheduling.step[0].input_map["a"]'
    assert wrong.line == 11
    assert "turn 'a' and 'x' around" in wrong.fix


def test_types_between_steps_name_both_ends(tmp_path: Path) -> None:
    case = next(one for one in MISTAKES["ensemble"] if one.name == "step-type")
    first = next(one for one in findings(tmp_path, case) if one.id == "T218")
    assert first.problem == "'middle' is TYPE_INT64 for input 'm' of counts"
    assert first.expected == "TYPE_FP32, as for output 'y' of plain"
