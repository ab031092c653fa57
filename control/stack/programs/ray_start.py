"""`python -m control.stack.programs.ray_start OPTION...`: `ray start` with the same options, started sooner.

Ray's command imports all that its other commands need, such as Ray Serve with pandas, which is half of its start.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

UNUSED = ("ray.util.state.state_cli", "ray.dashboard.modules.job.cli", "ray.serve.scripts")
"""Groups of commands; Ray's command does without those that cannot be imported."""


def main() -> None:
    """Start a node, and with `--block` stay as long as it runs."""
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]
    from ray.scripts.scripts import start

    start(prog_name="ray start")


if __name__ == "__main__":
    main()
