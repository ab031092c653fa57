"""The process that inspects a model for the one at the other end of a socket."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing.connection import Connection
from pathlib import Path

from training.added.apart.memory import limit_memory
from training.added.apart.messages import Advanced, Done, Ended, Message, Said, Started, failed
from training.added.build import Built, Wanted, build
from training.added.folders.build import build_folder
from training.progress import Silent

__all__ = ["KEPT", "main"]

KEPT = tuple(item.name for item in fields(Built) if item.name not in ("app", "run"))
"""The fields of `Built` that are sent; the app and the session are made again from them."""


class _Relay(Silent):
    """Progress, as messages."""

    def __init__(self, link: Connection) -> None:
        super().__init__()
        self._link = link

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.say(Started(name))
        with super().step(name):
            yield
        self.say(Ended())

    def advance(self, done: int, total: int, note: str = "") -> None:
        self.say(Advanced(done, total, note))

    def log(self, text: str) -> None:
        self.say(Said(text))

    def say(self, message: Message) -> None:
        self._link.send(message)


def main(descriptor: int) -> None:
    """Build what is asked for, and tell how it goes."""
    link = Connection(descriptor)
    wanted, folder = link.recv()
    # Whatever ends the process that waits closes the socket, and nobody needs this one any more.
    threading.Thread(target=_end_with, args=(link,), daemon=True).start()
    limit_memory()
    relay = _Relay(link)
    relay.say(_outcome(wanted, folder, relay))


def _outcome(wanted: Wanted, folder: Path, relay: _Relay) -> Message:
    try:
        built = build_folder(wanted, folder, relay) if wanted.path.is_dir() else build(wanted, folder, relay)
    except Exception as cause:  # noqa: BLE001  the process that waits raises it again
        return failed(cause)
    return Done({name: getattr(built, name) for name in KEPT})


def _end_with(link: Connection) -> None:
    link.poll(None)
    os._exit(1)
