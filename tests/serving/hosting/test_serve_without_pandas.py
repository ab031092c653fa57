from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import serving.hosting.serve_without_pandas as subject
from ray import serve
from ray.serve._private import utils
assert "pandas" not in sys.modules and utils.pd is None
import pandas
assert pandas.DataFrame({"a": [1]}).a.sum() == 1
subject.install()
assert sys.meta_path[0].__class__.__name__ != "_Finder", "Ray Serve is imported"
"""


def test_ray_serve_is_imported_without_pandas_which_can_be_imported_later(root: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, check=True, timeout=120)


def test_what_has_pandas_already_keeps_it(root: Path) -> None:
    program = "import pandas, serving.hosting.serve_without_pandas; from ray.serve._private import utils; "
    subprocess.run(
        [sys.executable, "-c", program + "assert utils.pd is pandas"], cwd=root, check=True, timeout=120
    )
