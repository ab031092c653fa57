"""Imports the libraries once, then runs each Python command line that it is given in a fork of itself.

A command line spends seconds on importing MLflow, pandas and their like. A fork has them already; our own code is
imported by each, from where its own environment says. Started as `python warm_server.py SOCKET`, which ends when a
child of it listens there; the child ends when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
import warnings

LIBRARIES = (
    "google.protobuf.json_format",
    "matplotlib.figure",
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "msgspec",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "pandera.pandas",
    "psutil",
    "pyarrow.parquet",
    "rich.progress",
    "scipy.stats",
    "sklearn.isotonic",
    "sklearn.metrics",
    "typer",
    "xgboost",
)


def main() -> None:
    gc.disable()  # imports make what stays
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.enable()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        if os.fork() != 0:
            os._exit(0)  # what the libraries remove at their end, the child has yet to use
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    answer(connection)


def answer(connection: socket.socket) -> None:
    """Run one command in a process of its own; send its exit code. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    given = json.loads(connection.makefile("rb").read(int(head)))
    command = os.fork()
    if command == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        run(**given)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(command)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(command, signal.SIGKILL)  # the client is gone: its time was up
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def run(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Be `python ARGUMENTS` in that folder with that environment. Does not return."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    own = sys.path.index(os.path.dirname(os.path.abspath(__file__)))
    sys.path[own : own + 1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(":"))]
    option, module, *rest = arguments
    assert option == "-m"
    sys.argv = [module, *rest]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - a command may raise anything
        traceback.print_exc()
        code = 1
    os._exit(finish(code))


def finish(code: int) -> int:
    """What the interpreter does at its end."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


if __name__ == "__main__":
    main()
