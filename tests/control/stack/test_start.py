from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from control.errors import PartFailed
from control.settings import StackSettings
from control.stack import supervisor
from control.stack.parts import Part
from control.stack.progress import Lines
from control.stack.start import _bring_up, _environment, _prepare
from control.stack.stop import stop
from tests.control.stack.files.test_state import make


def test_collections_are_kept_in_the_stack_s_database_unless_another_is_named(tmp_path: Path) -> None:
    settings = StackSettings(home=tmp_path / "home")
    state = make(tmp_path / "home", ("postgres", "gateway"))
    own = _environment(state, settings)["SLIPWAY_COLLECTIONS_URL"]
    assert own == state.dsn("slipway")
    other = replace(settings, collections_url="postgresql://somewhere/else")
    assert _environment(state, other)["SLIPWAY_COLLECTIONS_URL"] == "postgresql://somewhere/else"
    assert not _environment(make(tmp_path / "home", ("gateway",)), settings)["SLIPWAY_COLLECTIONS_URL"]


@pytest.mark.parametrize("starts", [1, 2])
def test_a_part_may_be_given_a_second_start(place: Path, starts: int) -> None:
    """As Ray's, whose own start gives up on a busy machine."""
    home, repository = place / "home", place / "models"
    state = _prepare(StackSettings(home=home, model_repository=repository), (), Lines(), None, temporary=False)
    mark = home / "started"
    script = f"test -e {mark} || {{ touch {mark}; echo too busy; exit 4; }}; touch {mark}.again; exec sleep 60"
    part = Part(
        name="slow",
        command=["/bin/sh", "-c", script],
        address="",
        ready=(home / "started.again").exists,
        starts=starts,
    )
    state = msgspec.structs.replace(
        state, supervisor_pid=supervisor.launch(state, [part], {"PATH": "/usr/bin:/bin"})
    )
    try:
        if starts == 2:
            assert _bring_up(state, {"slow": part}, (), 60.0, Lines()).keys() == {"slow"}
        else:
            with pytest.raises(PartFailed, match=r"slow: ended while starting \(exit status 4\)(?s:.*too busy)"):
                _bring_up(state, {"slow": part}, (), 60.0, Lines())
    finally:
        stop(state)


def test_the_time_of_a_part_that_waits_for_another_counts_from_then_on(place: Path) -> None:
    home, repository = place / "home", place / "models"
    state = _prepare(StackSettings(home=home, model_repository=repository), (), Lines(), None, temporary=False)
    first: dict[str, float] = {}

    def part(name: str, seconds: float, awaits: tuple[str, ...] = ()) -> Part:
        """One that is ready so long after it was first looked at."""

        def ready() -> bool:
            return time.monotonic() - first.setdefault(name, time.monotonic()) > seconds

        return Part(name=name, command=["/bin/sleep", "60"], address="", ready=ready, awaits=awaits)

    parts = {
        "late": part("late", 4.0),
        "later": part("later", 6.0, ("late",)),
        "other": part("other", 0.0),
        "never": part("never", 1e9, ("other",)),
    }
    pid = supervisor.launch(state, parts.values(), {"PATH": "/usr/bin:/bin"})
    state = msgspec.structs.replace(state, supervisor_pid=pid)
    try:
        seconds = _bring_up(state, {name: parts[name] for name in ("late", "later")}, (), 5.0, Lines())
        assert seconds["later"] > 5.0, "it had to wait for the other"
        with pytest.raises(PartFailed, match=r"never: not ready after \d+ s \(SLIPWAY_START_SECONDS allows 1\)"):
            _bring_up(state, {name: parts[name] for name in ("other", "never")}, (), 1.0, Lines())
    finally:
        stop(state)
