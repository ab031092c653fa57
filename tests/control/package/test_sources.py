from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from control.package.chosen import Chosen
from control.package.sources import copy_sources


def test_the_sources_serve_the_app_alone_without_training_or_ray(chosen: Chosen, tmp_path: Path) -> None:
    copy_sources(chosen, tmp_path / "here")
    here = tmp_path / "here"
    assert sorted(path.name for path in here.iterdir()) == ["serving", "shop"]
    basket = here / "shop" / "apps" / "basket"
    assert sorted(path.name for path in basket.iterdir()) == ["__init__.py", "app.py", "values.yaml"]
    code = (
        "import sys\n"
        "sys.modules['ray'] = None\n"
        f"sys.path[:0] = [{str(here)!r}]\n"
        "import serving.hosting.composition, serving.models.backends.onnx_local\n"
        "from serving.kernel.find_app import find_app\n"
        "app = find_app('shop.apps.basket')\n"
        "print(serving.__file__, app.folder)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == [str(here / "serving" / "__init__.py"), str(basket)], done.stderr
