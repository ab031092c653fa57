"""Where the local stack keeps what, below `SLIPWAY_HOME`.

    state.json  supervisord.conf  lock       what runs, how, and who may change it
    trainings.json                           what is trained behind the gateway, and how far it is
    logs/<part>.log                          rotated
    postgres/  artifacts/                    data; kept by `slipway down`
    backends/                                Triton's backends
    ray.token                                what Ray wants from whoever connects
    run/                                     sockets and Ray's files; removed by `slipway down`

A unix socket's path has at most 107 bytes and Ray puts its own 65 deep, so where `run/` would be too long a short
folder under the system's temporary folder takes its place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LONGEST_RUN", "Layout", "make_run_folder", "remove_run_folder"]

LONGEST_RUN = 36
UNUSABLE = "\"'%;#\n"
PREFIX = "slipway-"
OWNER = "stack_id"


@dataclass(frozen=True)
class Layout:
    """Paths of one home folder."""

    home: Path

    @classmethod
    def of(cls, home: Path) -> Layout:
        """The layout of a home folder, made absolute. Raises `ValueError` for a name that cannot be used."""
        home = Path(os.path.abspath(home.expanduser()))
        if any(character in str(home) for character in UNUSABLE):
            raise ValueError(f"SLIPWAY_HOME: {str(home)!r} must not contain quotes, '%', ';', '#' or line breaks")
        return cls(home)

    @property
    def state(self) -> Path:
        """What runs."""
        return self.home / "state.json"

    @property
    def trainings(self) -> Path:
        """What is trained behind the gateway."""
        return self.home / "trainings.json"

    @property
    def supervisor_config(self) -> Path:
        """Generated for supervisord."""
        return self.home / "supervisord.conf"

    @property
    def lock(self) -> Path:
        """Held while the stack is started or stopped."""
        return self.home / "lock"

    @property
    def logs(self) -> Path:
        """One file per part."""
        return self.home / "logs"

    def log(self, part: str) -> Path:
        """A part's log."""
        return self.logs / f"{part}.log"

    @property
    def postgres(self) -> Path:
        """The database's data."""
        return self.home / "postgres"

    @property
    def artifacts(self) -> Path:
        """MLflow's files."""
        return self.home / "artifacts"

    @property
    def backends(self) -> Path:
        """Triton's backends."""
        return self.home / "backends"

    @property
    def ray_token(self) -> Path:
        """The secret of the local Ray."""
        return self.home / "ray.token"

    def make(self) -> None:
        """Make the folders that every part may count on."""
        for folder in (self.home, self.logs, self.artifacts):
            folder.mkdir(parents=True, exist_ok=True)


def make_run_folder(layout: Layout, stack_id: str) -> Path:
    """A new or emptied folder with a path short enough for every socket in it."""
    run = layout.home / "run"
    if len(os.fsencode(run)) <= LONGEST_RUN:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
    else:
        base = tempfile.gettempdir()
        # mkdtemp adds eight characters to the prefix.
        if len(os.fsencode(base)) + len(PREFIX) + 9 > LONGEST_RUN:
            base = "/tmp"  # noqa: S108 - the folder in it is new and ours alone
        run = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    # Searchable: as root, PostgreSQL runs as another user and has its socket in a folder of its own below.
    run.chmod(0o711)
    (run / OWNER).write_text(stack_id)
    return run


def remove_run_folder(run: Path, stack_id: str) -> None:
    """Remove the folder if it is this stack's; its path was read from a file that may be old."""
    try:
        owner = (run / OWNER).read_text()
    except OSError:
        return
    if owner == stack_id:
        shutil.rmtree(run, ignore_errors=True)
