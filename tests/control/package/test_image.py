from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest

from control.errors import PackageError
from control.package.chosen import Chosen, choose
from control.package.image import BUILD, GATEWAY, write


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
    first, second = made.commands
    assert first == f"{root / BUILD} gateway"
    assert second.endswith(f" build -t slipway/basket:2 {made.path}")
    with pytest.raises(PackageError, match="already exists"):
        write(chosen, tmp_path / "out", root)


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_both_images_are_built_by_one_tool(
    tool: str, chosen: Chosen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    """The second would not find the first in the other tool's store."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / tool).write_text("#!/bin/sh\n")
    (programs / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    made = write(chosen, tmp_path / "out", clone(tmp_path / "clone"))
    assert made.commands[1].startswith(f"{tool} build ")
    assert os.access(root / BUILD, os.X_OK)


def test_a_clone_without_the_gateways_image_is_told_so(chosen: Chosen, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=rf"has no {GATEWAY}.*--format bento"):
        write(chosen, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
