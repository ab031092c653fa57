"""`python -m serving`: one gateway process without Ray, for a container or a machine that needs no scaling.

Several of them share the ports of one machine: a new one can join before an old one leaves.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from serving.edge.identity.exposure import check_exposure
from serving.hosting.composition import Server
from serving.hosting.listener import Listener
from serving.kernel.find_app import find_served
from serving.kernel.settings import Settings, SettingsError, read
from serving.models.backends.factory import kind_of

__all__ = ["main"]

LOOK_SECONDS = 1.0


def main() -> int:
    """Serve until SIGTERM or SIGINT, then finish what is in flight; returns the exit status."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = read(Settings)
        _check(settings)
        server = Server(settings)
        listener = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
        listener.start()
    except (LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"gateway: HTTP on port {listener.ports.http}, gRPC on port {listener.ports.grpc}", flush=True)
    while listener.alive() and server.alive() and not stopping.wait(LOOK_SECONDS):
        pass
    well = listener.alive() and server.alive()
    listener.stop(settings.drain_seconds)
    return 0 if well else 1


def _check(settings: Settings) -> None:
    """Raise `SettingsError` for what only Ray can do, and for doors that would be open to others."""
    check_exposure(settings)
    if settings.door == "ray":
        raise SettingsError("SLIPWAY_DOOR: `ray` needs Ray; without it expected `native`")
    wanted = [app.name for app in find_served(settings)[0] if kind_of(app, settings) == "replica"]
    if wanted:
        raise SettingsError(
            f"SLIPWAY_BACKEND: {', '.join(wanted)} run as `replica`, which needs Ray; expected `fused` or `triton`"
        )


if __name__ == "__main__":
    sys.exit(main())
