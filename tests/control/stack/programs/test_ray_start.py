from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from control.stack.programs.ray_start import UNUSED

PROGRAM = """
import sys
from control.stack.programs.ray_start import main
sys.argv = ["ray_start", "--help"]
try:
    main()
finally:
    assert not {"ray.serve", "pandas", "aiohttp"} & set(sys.modules)
"""


@pytest.mark.parametrize("name", UNUSED)
def test_what_it_leaves_out_is_there(name: str) -> None:
    assert find_spec(name) is not None


def test_it_is_ray_start_without_what_other_commands_import(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: ray start [OPTIONS]") and "--head" in done.stdout
