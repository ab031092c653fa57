"""`python -m training.registry.mlflow_server OPTION...`: `mlflow server` with the same options, in one process.

MLflow's own command starts the server in a second process and waits for it. The second process imports MLflow
again, which costs seconds at every start and hundreds of megabytes of memory.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping, Sequence

__all__ = ["main"]


def main() -> None:
    """Serve until a signal. A wrong option ends the process as MLflow's command does."""
    from mlflow import server
    from mlflow.cli import cli

    server._exec_cmd = _run_here
    cli(["server", *sys.argv[1:]])


def _run_here(command: Sequence[str], extra_env: Mapping[str, str], **_: object) -> None:
    """Run `python -m uvicorn ...` in this process instead of a new one."""
    _python, _m, module, *arguments = command
    os.environ.update(extra_env)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
