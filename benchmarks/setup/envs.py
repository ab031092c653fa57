"""One virtual environment per group of peers that get along, with the exact packages of `peers/requirements/`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.setup.place import BenchmarkError, Place

__all__ = ["ENVIRONMENTS", "Say", "ensure", "requirements"]

Say = Callable[[str], None]

FOLDER = Path(__file__).parents[1] / "peers" / "requirements"
ENVIRONMENTS = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))
OWN = "slipway"
"""The environment that runs the benchmark: Slipway's, and Triton's, which comes with it."""
STAMP = "requirements.sha256"
SECONDS = 1800


def requirements(name: str) -> Path:
    """The pins of an environment. Raises `BenchmarkError` for an unknown name."""
    if name not in ENVIRONMENTS:
        raise BenchmarkError(f"there is no environment {name!r}; there are: {', '.join(ENVIRONMENTS)}")
    return FOLDER / f"{name}.txt"


def ensure(name: str, place: Place, say: Say) -> Path:
    """The environment's Python; makes the environment when it is missing or its pins changed.

    Raises `BenchmarkError` with the end of pip's output.
    """
    if name == OWN:
        return Path(sys.executable)
    pins = requirements(name)
    folder = place.folder("envs") / name
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    say(f"installing the environment {name} into {folder}")
    started = time.monotonic()
    # This environment's pip fills the other; to give that one of its own would take seconds.
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], name)
    # The pins are complete, so nothing is left to resolve.
    options = ("--quiet", "--disable-pip-version-check", "--no-deps")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", *options]
    _run([*pip, "-r", str(pins)], name)
    stamp.write_text(wanted)
    say(f"installed {name} in {time.monotonic() - started:.0f} s")
    return python


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise BenchmarkError(f"the environment {name} was not made within {SECONDS} s") from cause
    if done.returncode:
        tail = "\n".join(line[:300] for line in done.stdout.splitlines()[-10:])
        raise BenchmarkError(f"the environment {name} could not be made:\n{tail}")
