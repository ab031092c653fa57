from __future__ import annotations

import urllib.request

import pytest

from control.console import note
from control.errors import StackError
from control.settings import StackSettings
from control.stack import liveness, processes
from control.stack.files import lock
from control.stack.files.layout import Layout
from control.stack.files.state import read_state
from control.stack.parts import choose
from control.stack.progress import Lines
from control.stack.start import start
from control.stack.stop import stop
from control.stack.temporary_stack import ensure
from tests.processes import command_line


@pytest.mark.usefixtures("kept_database")
@pytest.mark.slow
def test_starts_what_is_needed_and_stops_it(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="in the block"), ensure(settings) as state:
        assert state.parts == ("postgres", "mlflow")
        with urllib.request.urlopen(f"{state.mlflow_uri}/version", timeout=120) as answer:
            assert answer.status == 200
        ours = [command_line(process) for process in processes.marked(state.stack_id)]
        assert sum(state.mlflow_uri.rpartition(":")[2] in line for line in ours) == 1, "MLflow is one process"
        with pytest.raises(StackError, match="another slipway command"), ensure(settings, ["ray"]):
            note("never")
        raise RuntimeError("in the block")
    assert processes.marked(state.stack_id) == []
    assert read_state(settings.home) is None


@pytest.mark.usefixtures("kept_database")
def test_uses_what_runs_and_leaves_it(settings: StackSettings) -> None:
    with lock.held(Layout.of(settings.home)):
        state = start(settings, choose(only=["postgres"]), Lines())
    try:
        with ensure(settings, ["postgres"]) as found:
            assert found == state
        with pytest.raises(StackError, match="was started without mlflow"), ensure(settings):
            note("never")
        assert liveness.running(settings.home) == state
    finally:
        stop(state)
