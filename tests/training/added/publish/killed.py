"""`python -m tests.training.added.publish.killed FILE URI ROOT WHEN`: add a model, and be killed meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.added.add import Prepared, add
from training.added.build import Wanted, build
from training.progress import Silent
from training.registry.mlflow_registry import Registry

__all__ = ["Ending", "prepare"]


class Ending(Silent):
    """Something happens `before` or `after` the work of the step "publish"."""

    def __init__(self, when: str, what: str = "SIGKILL") -> None:
        super().__init__()
        self._when = when
        self._what = what

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if (name, self._when) == ("publish", "before"):
            self._end()
        with super().step(name):
            yield
        if (name, self._when) == ("publish", "after"):
            self._end()

    def _end(self) -> None:
        if self._what == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt


def prepare(path: Path, folder: Path) -> Prepared:
    """A model to add, built in this process."""
    folder.mkdir(parents=True)
    wanted = Wanted(name="sum", path=path, source=path.name, triton=False)
    return Prepared(wanted, build(wanted, folder, Silent()), folder)


if __name__ == "__main__":
    file, uri, models, when = sys.argv[1:]
    add(prepare(Path(file), Path(models).parent / f"servable-{when}"), Registry(uri), Path(models), Ending(when))
