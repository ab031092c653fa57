from __future__ import annotations

import os
from pathlib import Path

import pytest

from control.errors import StackError
from control.stack.files.layout import Layout
from control.stack.files.lock import held


def test_the_second_is_told_who_has_it(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / "home")
    with held(layout), pytest.raises(StackError, match=rf"pid {os.getpid()}\)"), held(layout):
        pass
    with held(layout):
        pass
