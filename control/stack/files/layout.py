"""The files of the local stack below `SLIPWAY_HOME`.

    state.json  supervisord.conf  lock       the running stack, its configuration, its lock
    trainings.json                           the trainings behind the gateway, and their progress
    logs/<part>.log                          rotated
    postgres/  artifacts/                    data; kept by `slipway down`
    backends/                                Triton's backends
    ray.token                                the secret that Ray asks every client for
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

from serving.kernel.settings import SettingsError
from serving.kernel.storage.private_files import private_folder, write_private

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
        """The layout of a home folder, made absolute. Raises `SettingsError` for a path with bad characters."""
        home = Path(os.path.abspath(home.expanduser()))
        if any(character in str(home) for character in UNUSABLE):
            raise SettingsError(
                f"SLIPWAY_HOME: {str(home)!r} must not contain quotes, '%', ';', '#' or line breaks"
            )
        return cls(home)

    @property
    def state(self) -> Path:
        """The running stack."""
        return self.home / "state.json"

    @property
    def trainings(self) -> Path:
        """The trainings behind the gateway."""
        return self.home / "trainings.json"

    @property
    def supervisor_config(self) -> Path:
        """supervisord's configuration, which is generated."""
        return self.home / "supervisord.conf"

    @property
    def lock(self) -> Path:
        """The lock that is held while the stack is started or stopped."""
        return self.home / "lock"

    @property
    def logs(self) -> Path:
        """The folder with one log per part."""
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
        """Make the folders that every part needs."""
        for folder in (self.home, self.logs, self.artifacts):
            private_folder(folder)


def make_run_folder(layout: Layout, stack_id: str) -> Path:
    """Make a new or empty folder whose path is short enough for every socket in it."""
    run = layout.home / "run"
    if len(os.fsencode(run)) <= LONGEST_RUN:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(mode=0o700)
    else:
        base = tempfile.gettempdir()
        # mkdtemp adds eight characters to the prefix.
        if len(os.fsencode(base)) + len(PREFIX) + 9 > LONGEST_RUN:
            base = "/tmp"  # noqa: S108 - mkdtemp makes a new folder there that only this user can use
        run = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    if os.geteuid() == 0:
        # Others may pass through: started by root, PostgreSQL runs as another user, with its socket below.
        run.chmod(0o711)
    write_private(run / OWNER, stack_id.encode())
    return run


def remove_run_folder(run: Path, stack_id: str) -> None:
    """Remove the folder if it belongs to this stack. Its path comes from a state file that may be out of date."""
    try:
        owner = (run / OWNER).read_text()
    except OSError:
        return
    if owner == stack_id:
        shutil.rmtree(run, ignore_errors=True)
