from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from control.errors import PackageError
from control.package.chosen import Chosen, choose
from control.package.image import GATEWAY, write


def clone(folder: Path) -> Path:
    """A clone that has the gateway's Dockerfile."""
    (folder / GATEWAY).parent.mkdir(parents=True)
    (folder / GATEWAY).write_text("FROM scratch\n")
    return folder


def test_the_context_puts_one_version_on_the_gateways_image(chosen: Chosen, tmp_path: Path) -> None:
    root = clone(tmp_path / "clone")
    made = write(chosen, tmp_path / "out", root)
    assert made.path == tmp_path / "out" / "basket-2-image"
    text = (made.path / "Dockerfile").read_text()
    gateway = f"slipway/gateway:{version('slipway')}"
    assert f"ARG GATEWAY={gateway}\nFROM ${{GATEWAY}}\n" in text
    assert "SLIPWAY_APPS=shop.apps.basket" in text and "USER 10001:10001" in text
    assert choose(made.path / "model-repository", chosen.package).version == 2
    assert made.commands == (
        f"docker build -f {root / GATEWAY} -t {gateway} {root}",
        f"docker build -t slipway/basket:2 {made.path}",
    )
    with pytest.raises(PackageError, match="is there already"):
        write(chosen, tmp_path / "out", root)


def test_a_clone_without_the_gateways_image_is_told_so(chosen: Chosen, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=rf"{GATEWAY} is not in .*--format bento"):
        write(chosen, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
