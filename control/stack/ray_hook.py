"""Named in RAY_START_HOOK: changes what `ray start` has no option for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["ADDRESS_FILE", "prepare"]

ADDRESS_FILE = "ray_current_cluster"
"""Ray writes it into its temporary folder when the node is up."""


def prepare(params: Any, head: bool) -> None:
    """Start no Ray Client server, and forget that an earlier Ray was up in this folder.

    Nothing uses the client server, and its port 10001 would be taken for every stack.
    """
    params.ray_client_server_port = None
    Path(params.temp_dir, ADDRESS_FILE).unlink(missing_ok=True)
