from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from control.settings import StackSettings
from control.stack.start import _environment
from tests.control.stack.files.test_state import make


def test_collections_are_kept_in_the_stack_s_database_unless_another_is_named(tmp_path: Path) -> None:
    settings = StackSettings(home=tmp_path / "home")
    state = make(tmp_path / "home", ("postgres", "gateway"))
    own = _environment(state, settings)["SLIPWAY_COLLECTIONS_URL"]
    assert own == state.dsn("slipway")
    other = replace(settings, collections_url="postgresql://somewhere/else")
    assert _environment(state, other)["SLIPWAY_COLLECTIONS_URL"] == "postgresql://somewhere/else"
    assert not _environment(make(tmp_path / "home", ("gateway",)), settings)["SLIPWAY_COLLECTIONS_URL"]
