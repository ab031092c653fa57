from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from training.errors import DataError
from training.score.parts import Parts, Plan, written

PLAN = Plan(app="toy", version=1, fingerprint="f", data="d", keep=(), block_rows=10, rows=100)


def begun(tmp_path: Path) -> Parts:
    parts = Parts(tmp_path / "out.parquet")
    with parts.locked():
        parts.begin(PLAN)
    parts.answers(3).write_bytes(b"answers")
    parts.rejects(3).write_bytes(b"rejects")
    return parts


def test_a_block_is_finished_when_its_record_matches_its_files(tmp_path: Path) -> None:
    parts = begun(tmp_path)
    assert parts.finished(3) is None
    parts.finish(3, 10, 2)
    found = parts.finished(3)
    assert found is not None and (found.rows, found.rejected) == (10, 2)
    parts.answers(3).write_bytes(b"answerz")
    assert parts.finished(3) is None
    parts.finish(3, 10, 2)
    parts.rejects(3).unlink()
    assert parts.finished(3) is None
    (parts.folder / "00003.json").write_bytes(b'{"block":')
    assert parts.finished(3) is None


def test_beginning_forgets_what_was_there(tmp_path: Path) -> None:
    parts = begun(tmp_path)
    parts.finish(3, 10, 2)
    other = msgspec.structs.replace(PLAN, version=2)
    with parts.locked():
        parts.begin(other)
    assert parts.plan() == other and parts.finished(3) is None
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_one_run_at_a_time(tmp_path: Path) -> None:
    parts = begun(tmp_path)
    with parts.locked():
        with pytest.raises(DataError, match="another run is using it"):
            with parts.locked():
                pass
    with parts.locked():
        pass


def test_a_run_that_began_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        with Parts(tmp_path / "out.parquet").locked():
            raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_no_run_made_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out.parquet.parts"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not the folder of a run"):
        with Parts(tmp_path / "out.parquet").locked():
            pass
    assert (folder / "thesis.txt").exists()


def test_a_damaged_plan_is_reported(tmp_path: Path) -> None:
    parts = begun(tmp_path)
    (parts.folder / "plan.json").write_text("{}")
    with pytest.raises(DataError, match="--overwrite starts over"):
        parts.plan()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError):
        with written(path) as stream:
            stream.write(b"half")
            raise RuntimeError
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]
    with written(path) as stream:
        stream.write(b"after")
    assert path.read_bytes() == b"after"
