"""What the test files cost: the dearest start first, and each run ends with a list of the ten dearest.

`python -m tests.costs LOG` records the costs again; LOG is the output of a run with `--durations=0 -vv`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

PATH = Path(__file__).with_suffix(".json")
SHARED = re.compile(r"tests/(contract|e2e|architecture|apps/[^/]+)/(?!.*test_(real_|lint))")
"""Folders whose tests share what is dear: trained versions, a stack, an app's small model, the parsed sources.

Tests of real files share nothing with the others of their app, and the linters run beside the other rules.
"""
LINE = re.compile(r"^([\d.]+)s (?:call|setup|teardown) +(\S+)", re.MULTILINE)
LEAST = 2
"""Seconds that are worth a line."""
SHOWN = 10
"""Lines at the end of a run."""


def scope_of(test: str) -> str:
    """The file, or the shared folder, whose tests one worker runs one after the other."""
    path = test.partition("::")[0]
    shared = SHARED.match(path)
    return shared.group() if shared else path


def recorded() -> dict[str, int]:
    """Seconds by scope."""
    found: dict[str, int] = json.loads(PATH.read_text())
    return found


def measured(log: str) -> dict[str, int]:
    """Seconds by scope, the dearest first, from what pytest printed."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for spent, test in LINE.findall(log):
        seconds[scope_of(test)] += float(spent)
    dear = sorted(seconds.items(), key=lambda item: -item[1])
    return {scope: round(spent) for scope, spent in dear if spent >= LEAST}


class Costs:
    """A plugin of pytest for the process that prints: adds up what the tests of each scope took in all workers."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[scope_of(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if lines := dearest(self.seconds, recorded()):
            terminalreporter.section("dearest scopes")
            for line in lines:
                terminalreporter.write_line(line)


def dearest(seconds: Mapping[str, float], before: Mapping[str, int]) -> list[str]:
    """The scopes that took longest, what is recorded of them, and the sum of all; empty when all were quick."""
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    shown = [(scope, spent) for scope, spent in ranked[:SHOWN] if spent >= LEAST]
    lines = [f"{spent:6.0f} s  {before.get(scope, 0):4d} s recorded  {scope}" for scope, spent in shown]
    return [*lines, f"{sum(seconds.values()):6.0f} s  in all workers together"] if lines else []


if __name__ == "__main__":
    found = measured(Path(sys.argv[1]).read_text())
    if not found:
        sys.exit(f"{sys.argv[1]}: no durations; run pytest with --durations=0 -vv")
    PATH.write_text(json.dumps(found, indent=1) + "\n")
