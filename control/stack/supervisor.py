"""supervisord: its configuration, its start, and its view of the parts.

It starts nothing by itself; `slipway up` starts each part when the parts it needs are ready. From then on
supervisord restarts a part that ends, after one more second for each quick end in a row.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy

from control.errors import StackError
from control.stack.files.state import StackState
from control.stack.parts import Part
from control.stack.processes import MARK
from serving.kernel.storage.private_files import write_private

__all__ = ["Program", "answers", "call", "history", "launch", "programs", "render", "runs", "wait_for"]

START_SECONDS = 15.0
STEADY_SECONDS = 5
"""A part that ends sooner is restarted after a growing pause."""
TRIES = 20
LOG_BYTES = "10MB"


@dataclass(frozen=True)
class Program:
    """A part as supervisord sees it. `state` is one of supervisord's: RUNNING, STARTING, BACKOFF, FATAL, ..."""

    name: str
    state: str
    pid: int
    started: float
    restarts: int = 0
    last_end: str = ""
    """Its last exit, such as `exit status 3` or `terminated by SIGKILL`."""


def render(state: StackState, parts: Iterable[Part]) -> str:
    """The configuration file."""
    logs = state.layout.logs
    sections = {
        "supervisord": {
            "nodaemon": "false",
            "identifier": state.stack_id,
            "logfile": f"{logs}/supervisord.log",
            "logfile_maxbytes": LOG_BYTES,
            "logfile_backups": "1",
            "pidfile": f"{state.run}/supervisord.pid",
            "childlogdir": str(logs),
            # What the parts write is for this user alone.
            "umask": "077",
            # Run by root, supervisord warns unless the user is given.
            **({"user": pwd.getpwuid(0).pw_name} if os.geteuid() == 0 else {}),
        },
        "unix_http_server": {"file": state.supervisor_socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        **{f"program:{part.name}": _program(part, str(state.layout.log(part.name))) for part in parts},
    }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {value.replace('%', '%%')}\n" for key, value in options.items())
        for name, options in sections.items()
    )


def _program(part: Part, log: str) -> dict[str, str]:
    # `env`, because the quoting of supervisord's own option cannot express every value.
    command = ["/usr/bin/env", *(f"{key}={value}" for key, value in part.environment.items()), *part.command]
    return {
        "command": shlex.join(command),
        "autostart": "false",
        # A task is restarted only if it was killed.
        "autorestart": "unexpected" if part.is_task else "true",
        "exitcodes": "0,1",
        "startsecs": "0" if part.is_task else str(STEADY_SECONDS),
        "startretries": str(TRIES),
        "stopsignal": part.stop_signal,
        "stopwaitsecs": str(part.stop_seconds),
        "stopasgroup": "true" if part.stop_signal == "TERM" else "false",
        "killasgroup": "true",
        **({"umask": "022"} if part.publishes else {}),
        "stdout_logfile": log,
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": "2",
        "redirect_stderr": "true",
    }


def launch(state: StackState, parts: Iterable[Part], environ: Mapping[str, str]) -> int:
    """Start supervisord as a daemon with the stack's mark in its environment. Returns its pid.

    Raises `StackError` when it does not answer.
    """
    layout = state.layout
    write_private(layout.supervisor_config, render(state, parts).encode())
    for old in layout.logs.glob("supervisord.log*"):
        old.unlink()
    # It uses a deprecated function, and would end if the user's shell turned warnings into errors.
    command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(layout.supervisor_config)]
    environ = {key: value for key, value in environ.items() if key != "PYTHONWARNINGS"}
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(  # noqa: S603 - our own interpreter; it ends as soon as the daemon runs
            command,
            env={**environ, MARK: state.stack_id, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            timeout=START_SECONDS,
        )
        deadline = time.monotonic() + START_SECONDS
        while not answers(state):
            if done.returncode or time.monotonic() > deadline:
                output.seek(0)
                said = output.read().decode(errors="replace")
                raise StackError(f"supervisord did not start (exit status {done.returncode}); it says:\n{said}")
            time.sleep(0.03)
    return int(call(state, "getPID"))


def answers(state: StackState) -> bool:
    """Whether this stack's supervisord answers."""
    try:
        return bool(call(state, "getIdentification") == state.stack_id)
    except StackError:
        return False


def call(state: StackState, method: str, *arguments: object) -> Any:
    """Call a method of supervisord's interface. Raises `StackError` if it cannot be reached or refuses."""
    try:
        with _proxy(state) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except Fault as fault:
        raise StackError(f"supervisord: {method}{arguments}: {fault.faultString}") from fault
    except OSError as cause:
        raise StackError(f"supervisord does not answer at {state.supervisor_socket}: {cause}") from cause


def programs(state: StackState) -> dict[str, Program]:
    """Every part as supervisord sees it, by name. Raises `StackError` if it cannot be reached."""
    rows = call(state, "getAllProcessInfo")
    past = history(state)
    found = {}
    for row in rows:
        name = row["name"]
        spawned, last_end = past.get(name, (0, ""))
        found[name] = Program(
            name, row["statename"], row["pid"], float(row["start"]), max(0, spawned - 1), last_end
        )
    return found


def runs(state: StackState, name: str) -> bool:
    """Whether that program is running. Raises `StackError` if the supervisor cannot be reached."""
    program = programs(state).get(name)
    return program is not None and program.state in {"RUNNING", "STARTING"}


def history(state: StackState) -> dict[str, tuple[int, str]]:
    """Part -> (number of starts, last exit), from supervisord's log.

    Its interface forgets the exit status of a program that ends quickly; its log does not.
    """
    counts: dict[str, int] = {}
    ends: dict[str, str] = {}
    path = state.layout.logs / "supervisord.log"
    text = path.read_text(errors="replace") if path.exists() else ""
    for event, name, detail in re.findall(r" (spawned|exited): '?(\w+)'? (.*)", text):
        if event == "spawned":
            counts[name] = counts.get(name, 0) + 1
        else:
            ends[name] = detail.strip("()").partition(";")[0]
    return {name: (counts[name], ends.get(name, "")) for name in counts}


def wait_for(state: StackState, names: Iterable[str], words: frozenset[str], seconds: float) -> None:
    """Wait until each program is in one of these states, or until the time is over."""
    names, deadline = list(names), time.monotonic() + seconds
    while time.monotonic() < deadline:
        known = programs(state)
        if all(known[name].state in words for name in names):
            return
        time.sleep(0.05)


@contextmanager
def _proxy(state: StackState) -> Iterator[ServerProxy]:
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{state.supervisor_socket}")
    try:
        yield cast(Any, ServerProxy)("http://localhost", transport=transport)
    finally:
        _close(transport)


def _close(transport: Any) -> None:
    # After a failed connect, close() does not close the connection's socket.
    connection = transport.connection
    transport.close()
    if connection is not None and connection.sock is not None:
        connection.sock.close()
