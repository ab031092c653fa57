"""What the test files cost, so that the dearest start first. `python -m tests.costs LOG` records them anew.

LOG is the output of a run with `--durations=0 -vv`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

PATH = Path(__file__).with_suffix(".json")
SHARED = re.compile(r"tests/(contract|e2e|apps/[^/]+)/")
"""Folders whose tests share what costs most of a minute: trained versions, a stack, an app's small model."""
LINE = re.compile(r"^([\d.]+)s (?:call|setup|teardown) +(\S+)", re.MULTILINE)
LEAST = 2
"""Seconds that are worth a line."""


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


if __name__ == "__main__":
    found = measured(Path(sys.argv[1]).read_text())
    if not found:
        sys.exit(f"{sys.argv[1]}: no durations; run pytest with --durations=0 -vv")
    PATH.write_text(json.dumps(found, indent=1) + "\n")
