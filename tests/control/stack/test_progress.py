from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.live import Live

from control.stack.progress import Lines, Screen, shown


def test_lines_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with shown() as observer:
        assert isinstance(observer, Lines)
        observer.planned(["postgres", "ray"])
        observer.started("postgres")
        observer.ready("postgres", 1.26)
        with observer.paused():
            observer.say("[between]")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "starting postgres, ray\npostgres   ready after   1.3 s\n[between]\n"


def test_a_screen_shows_what_waits_starts_and_is_ready() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Live(console=console, auto_refresh=False) as live:
        screen = Screen(live)
        screen.planned(["postgres", "ray", "gateway"])
        screen.started("ray")
        screen.started("postgres")
        screen.ready("postgres", 1.26)
        with screen.paused():
            pass
        with console.capture() as captured:
            console.print(screen)
    text = captured.get()
    assert "ready after 1.3 s" in text and "waits" in text and "0.0 s" in text
