from __future__ import annotations

import stat
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from control.errors import PartFailed
from control.settings import StackSettings
from control.stack import supervisor
from control.stack.files import lock
from control.stack.files.layout import Layout
from control.stack.parts import Part
from control.stack.ports import is_free
from control.stack.progress import Lines
from control.stack.start import _bring_up, _environment, _prepare, start
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


def open_to_others(folder: Path) -> dict[str, str]:
    """What users other than the owner can reach below a folder, and may read, write or list there.

    Some programs set modes of their own, below folders that nobody else can enter.
    """
    mode = folder.stat().st_mode
    found = {str(folder): stat.filemode(mode)} if mode & 0o066 else {}
    if stat.S_ISDIR(mode) and mode & 0o011:
        for path in folder.iterdir():
            found |= {} if path.is_symlink() else open_to_others(path)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("port", [0, 10050])
def test_a_stack_is_private_and_ray_takes_any_port(settings: StackSettings, port: int) -> None:
    """Ray's workers would take the ports from 10002 on, and its folders would be open to everybody."""
    if port and not is_free(port):
        pytest.skip(f"port {port} is in use")
    names = ("postgres", "ray") if port == 0 else ("ray",)
    with lock.held(Layout.of(settings.home)):
        state = start(replace(settings, ray_port=port), names, Lines())
    try:
        assert state.ports["ray_port"] == port or not port
        assert list(state.ray_folder.glob("session_*/sockets/*"))
        assert open_to_others(settings.home) == {}
        assert open_to_others(state.run_folder) == {}
    finally:
        stop(state)


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
