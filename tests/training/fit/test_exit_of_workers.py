from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rays import Rays

PROGRAM = """
import atexit
atexit.register(print, "of a library")
import training.fit.exit_of_workers
atexit.register(print, "of a task")
print("buffered", end=" ")
"""


def test_later_exit_handlers_run_earlier_ones_do_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("buffered of a task\n", "")


@pytest.mark.slow
def test_workers_import_it(rays: Rays) -> None:
    rays.open()
    import ray

    @ray.remote
    def imported() -> bool:
        import sys

        return "training.fit.exit_of_workers" in sys.modules

    assert ray.get(imported.remote())
