from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from control.lint.triton.lint import lint
from control.lint.triton.output import sentence
from tests.control.lint.triton.corpus import Case, check_case, findings, write_case
from tests.control.lint.triton.mistakes import MISTAKES


@pytest.mark.parametrize("case", MISTAKES["tensors"], ids=str)
def test_the_mistake_is_named(case: Case, tmp_path: Path) -> None:
    check_case(tmp_path, case)


def test_a_misspelt_name_gets_the_nearest_and_a_lacking_input_its_lines(tmp_path: Path) -> None:
    case = next(one for one in MISTAKES["tensors"] if one.name == "input-misspelt")
    extra, lacking = (one for one in findings(tmp_path, case) if one.id in ("T132", "T133"))
    assert extra.fix == "Did you mean 'x'?"
    assert (extra.field, extra.line) == ("input[0].name", 5)
    assert lacking.expected == 'input { name: "x" data_type: TYPE_FP32 dims: [3] }'


def test_versions_with_the_same_graph_are_named_together(tmp_path: Path) -> None:
    case = next(one for one in MISTAKES["tensors"] if one.name == "narrow-input")
    write_case(tmp_path, case)
    shutil.copytree(tmp_path / case.name / "1", tmp_path / case.name / "2")
    (only,) = lint(tmp_path).findings
    assert sentence(only) == "input[0].dims: [4]; expected [3], as the graph has [-1, 3] of versions 1, 2"
