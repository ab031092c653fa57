from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from training.fit.scratch import scratch

PROGRAM = """
import sys, time
from pathlib import Path
from training.fit.scratch import scratch
with scratch("fit-", Path(sys.argv[1])) as folder:
    (folder / "checkpoint").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def begin(place: Path, root: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process in its block, and its folder."""
    line = [sys.executable, "-c", PROGRAM, str(place)]
    process = subprocess.Popen(line, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_there_in_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), scratch("fit-", tmp_path) as folder:
        assert folder.parent == tmp_path and folder.name.startswith("fit-")
        (folder / "file").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path, root: Path) -> None:
    (tmp_path / "fit-of-somebody-else").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "fit-link").symlink_to(tmp_path / "linked")
    (tmp_path / "linked" / ".owner").write_text("")
    (killed, left), (alive, used) = begin(tmp_path, root), begin(tmp_path, root)
    with killed, alive:
        try:
            killed.kill()
            killed.wait()
            assert (left / "checkpoint").exists()
            with scratch("tune-", tmp_path):
                assert left.exists(), "another prefix is another kind"
            with scratch("fit-", tmp_path) as own:
                assert not left.exists()
                assert (used / "checkpoint").exists()
                with scratch("fit-", tmp_path):
                    assert own.exists()
        finally:
            alive.kill()
            alive.wait()
    with scratch("fit-", tmp_path):
        assert not used.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit-link", "fit-of-somebody-else", "linked"]
