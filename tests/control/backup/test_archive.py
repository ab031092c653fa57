"""What a backup refuses. One that is made and brought back: tests/e2e/test_recovery.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from control.backup.archive import Backup, backup, restore
from control.errors import StackError
from control.settings import StackSettings
from control.stack.parts import DATABASES
from serving.kernel.storage.version_manifest import digest_file
from tests.control.conftest import Slipway

DUMPS = tuple(f"databases/{name}.dump" for name in DATABASES)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A backup whose files are there."""
    folder = tmp_path / "kept"
    for name in DUMPS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    index(folder)
    return folder


def index(folder: Path, **changes: Any) -> None:
    files = {name: digest_file(folder / name) for name in DUMPS}
    made = Backup(**{"slipway": "0", "created": "2026-01-01T00:00:00Z", "files": files, **changes})
    (folder / "backup.json").write_bytes(msgspec.json.encode(made))


def test_a_backup_goes_into_an_empty_place(settings: StackSettings, kept: Path) -> None:
    with pytest.raises(StackError, match="is not empty; give an empty folder"):
        backup(settings, str(kept))
    assert not settings.home.exists()


def test_one_that_did_not_end_is_none(settings: StackSettings, kept: Path) -> None:
    (kept / "backup.json").unlink()
    with pytest.raises(StackError, match=r"has no complete backup: backup\.json is missing"):
        restore(settings, str(kept))


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_names_that_leave_the_folder_are_refused(settings: StackSettings, kept: Path, name: str) -> None:
    files = {dump: digest_file(kept / dump) for dump in DUMPS}
    index(kept, files={**files, name: digest_file(kept / DUMPS[0])})
    with pytest.raises(StackError, match=f"the file name '{name}' points outside the backup"):
        restore(settings, str(kept))


def test_a_file_that_changed_stops_it_before_anything_does(settings: StackSettings, kept: Path) -> None:
    (kept / DUMPS[1]).write_bytes(b"rot")
    with pytest.raises(
        StackError, match=r"slipway\.dump does not match its digest in backup\.json; nothing was changed"
    ):
        restore(settings, str(kept))
    assert not settings.home.exists()


def test_an_index_without_a_database_is_refused(settings: StackSettings, kept: Path) -> None:
    index(kept, files={})
    with pytest.raises(StackError, match=r"does not list databases/mlflow\.dump"):
        restore(settings, str(kept))
    (kept / "backup.json").write_text("[]")
    with pytest.raises(StackError, match=r"backup\.json: "):
        restore(settings, str(kept))


@pytest.mark.slow
def test_a_killed_restore_leaves_nothing_that_runs_and_the_next_one_removes_its_dumps(
    slipway: Slipway, place: Path, wait_until: Callable[..., None]
) -> None:
    temporary = place / "tmp"
    temporary.mkdir(mode=0o711)
    slipway.environ["TMPDIR"] = str(temporary)
    assert slipway.run("backup", str(place / "kept")).returncode == 0
    slipway.home = place / "other"
    slipway.environ["SLIPWAY_HOME"] = str(slipway.home)
    killed = slipway.begin("restore", str(place / "kept"))
    wait_until(slipway.state)
    wait_until(slipway.left)
    killed.kill()
    killed.wait()
    assert list(temporary.glob("slipway-backup-*"))
    wait_until(lambda: slipway.state() is None)
    assert slipway.left() == []
    done = slipway.run("restore", str(place / "kept"))
    assert done.returncode == 0, done.stderr
    assert not list(temporary.glob("slipway-backup-*"))
