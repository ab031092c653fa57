from __future__ import annotations

import json

import pytest

from control import console


def test_a_table_in_a_pipe_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(("name", "value"), [("long", "x" * 300), ("[bold]", "kept")])
    out = capsys.readouterr().out
    assert "x" * 300 in out
    assert "[bold]" in out


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(("name",), [])
    assert capsys.readouterr().out == "(nothing)\n"


def test_json_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("progress [1/2]")
    console.print_json({"a": 1})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "progress [1/2]\n"


def test_an_error_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.fail("first [x]\n  | second")
    assert capsys.readouterr().err == "error: first [x]\n  | second\n"
