from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from control.settings import StackSettings
from control.stack import liveness
from control.stack.files import lock
from control.stack.files.layout import Layout
from control.stack.files.state import write_state
from control.stack.parts import choose
from control.stack.progress import Lines
from control.stack.start import start
from control.stack.stop import stop


def test_nothing(place: Path) -> None:
    assert liveness.running(place) is None


@pytest.mark.usefixtures("kept_database")
def test_a_stack_whose_owner_is_gone_is_nobodys(settings: StackSettings) -> None:
    with lock.held(Layout.of(settings.home)):
        state = start(settings, choose(only=["postgres"]), Lines(), temporary=True)
    try:
        assert state.owner_pid == os.getpid()
        assert liveness.running(settings.home) == state
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        for pid, created in ((gone.pid, 0.0), (os.getpid(), psutil.Process().create_time() - 100)):
            write_state(msgspec.structs.replace(state, owner_pid=pid, owner_created=created))
            assert liveness.running(settings.home) is None
    finally:
        stop(state)
    assert not liveness.runs(state)
