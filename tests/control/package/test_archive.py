from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

from control.package.archive import SUMS, write_archive, write_sums


def fill(folder: Path) -> Path:
    (folder / "b" / "c").mkdir(parents=True)
    (folder / "b" / "c" / "two.bin").write_bytes(bytes(range(256)) * 9)
    (folder / "a.txt").write_text("one\n")
    return folder


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for place in ("first", "second"):
        folder = fill(tmp_path / place / "content")
        os.utime(folder / "a.txt", (len(place), len(place)))
        (folder / "a.txt").chmod(0o600 if place == "first" else 0o644)
        write_sums(folder)
        write_archive(folder, tmp_path / f"{place}.tar.gz")
        made.append((tmp_path / f"{place}.tar.gz").read_bytes())
    assert made[0] == made[1]
    assert not list(tmp_path.glob(".*"))


def test_everything_is_in_it_under_the_folders_name_and_checks(tmp_path: Path) -> None:
    folder = fill(tmp_path / "content")
    write_sums(folder)
    write_archive(folder, tmp_path / "made.tar.gz")
    with tarfile.open(tmp_path / "made.tar.gz") as archive:
        archive.extractall(tmp_path / "out", filter="data")
        assert {(entry.uid, entry.gid, entry.mode) for entry in archive} == {(0, 0, 0o644)}
    out = tmp_path / "out" / "content"
    assert (out / "b" / "c" / "two.bin").read_bytes() == (folder / "b" / "c" / "two.bin").read_bytes()
    digest, name = (out / SUMS).read_text().splitlines()[0].split("  ")
    assert (name, digest) == ("a.txt", hashlib.sha256(b"one\n").hexdigest())
    check = ["sha256sum", "--check", "--quiet", SUMS]
    assert subprocess.run(check, cwd=out).returncode == 0
    (out / "a.txt").write_text("two\n")
    assert subprocess.run(check, cwd=out, capture_output=True).returncode == 1


def test_sums_written_again_do_not_count_themselves(tmp_path: Path) -> None:
    folder = fill(tmp_path / "content")
    first = write_sums(folder).read_text()
    assert write_sums(folder).read_text() == first
