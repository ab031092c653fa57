"""`python -m training.registry.mlflow_server OPTION...`: `mlflow server` with the same options, as one process.

MLflow's own command starts the server as a second process, which imports all of MLflow again, and waits for it:
seconds of a core at every start, and hundreds of megabytes for as long as it runs.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping, Sequence

__all__ = ["main"]


def main() -> None:
    """Serve until a signal; ends as MLflow's command does when an option is wrong."""
    from mlflow import server
    from mlflow.cli import cli

    server._exec_cmd = _be
    cli(["server", *sys.argv[1:]])


def _be(command: Sequence[str], extra_env: Mapping[str, str], **_: object) -> None:
    """Instead of starting `python -m uvicorn ...`, be it."""
    _python, _m, module, *arguments = command
    os.environ.update(extra_env)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
