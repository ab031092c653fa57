from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.lint.triton.corpus import Case, check_case
from tests.control.lint.triton.mistakes import MISTAKES


@pytest.mark.parametrize("case", MISTAKES["shapes"], ids=str)
def test_the_mistake_is_named(case: Case, tmp_path: Path) -> None:
    check_case(tmp_path, case)
