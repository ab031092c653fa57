from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from control.stack.files import logs
from control.stack.files.layout import Layout


@given(
    lines=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]))), count=st.integers(0, 9)
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tail_is_the_last_lines(tmp_path: Path, lines: list[str], count: int) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert logs.tail(path, count) == "\n".join(lines[-count:] if count else [])


def test_tail_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BLOCK", 7)
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(50)))
    assert logs.tail(path, 3) == "line 47\nline 48\nline 49"


def test_no_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    assert logs.tail(tmp_path / "none") == ""
    (tmp_path / "bad").write_bytes(b"\xff\xfeend\n")
    assert logs.tail(tmp_path / "bad").endswith("end")


def test_a_new_start_has_a_new_log(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.make()
    logs.set_aside(layout, "ray")
    layout.log("ray").write_text("old")
    logs.set_aside(layout, "ray")
    assert not layout.log("ray").exists()
    assert (layout.logs / "ray.log.1").read_text() == "old"
