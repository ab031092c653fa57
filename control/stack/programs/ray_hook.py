"""Named in RAY_START_HOOK: changes what `ray start` has no option for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.fit import idle_agent

__all__ = ["ADDRESS_FILE", "prepare"]

ADDRESS_FILE = "ray_current_cluster"
"""Ray writes it into its temporary folder when the node is up."""


def prepare(params: Any, head: bool) -> None:
    """Start no Ray Client server and no unused dashboard, and forget that an earlier Ray was up in this folder.

    Ray would open its folders to every user of the machine; here it leaves them as they are made.

    Nothing uses the client server, and its port 10001 would be taken for every stack. Without a dashboard Ray
    still starts the dashboard's process, for usage statistics that are off here, and waits seconds for it; and an
    agent that measures for the dashboard.
    """
    from ray._common import utils

    utils.try_make_directory_shared = _leave_private
    params.ray_client_server_port = None
    Path(params.temp_dir, ADDRESS_FILE).unlink(missing_ok=True)
    if params.include_dashboard is False:
        # Ray would reserve the default port of the dashboard.
        params.dashboard_port = None
        from ray._private import services

        services.start_api_server = _start_nothing
        setattr(services, idle_agent.COMMAND, idle_agent.chosen(getattr(services, idle_agent.COMMAND)))


def _leave_private(folder: str) -> None:
    """Stands in for Ray's function, which sets mode 0777."""


def _start_nothing(*_: object, **__: object) -> tuple[None, None]:
    """What Ray's own function returns when it could not start the dashboard and need not."""
    return None, None
