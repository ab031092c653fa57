from __future__ import annotations

import stat
from pathlib import Path

from serving.kernel.storage.private_files import private_folder, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_private_and_what_exists_keeps_its_mode(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "above" / "own") == tmp_path / "above" / "own"
    assert mode(tmp_path / "above" / "own") == 0o700
    write_private(tmp_path / "own.json", b"1")
    assert mode(tmp_path / "own.json") == 0o600
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "file").write_bytes(b"0")
    (shared / "file").chmod(0o644)
    private_folder(shared)
    write_private(shared / "file", b"1")
    assert (mode(shared), mode(shared / "file")) == (0o755, 0o644)
    assert (shared / "file").read_bytes() == b"1"
