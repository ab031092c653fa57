"""scripts/image-cache: when layers of images are used again, and when they are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


class Cache:
    """A folder of layers as `scripts/try-image` uses it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.script = root / "scripts" / "image-cache"
        self.folder = folder
        self.layer = folder / "storage" / "layer"

    def prepare(self, key: str = "a", megabytes: int = 5) -> str:
        """Begin a build; returns what the script prints."""
        done = subprocess.run(
            [self.script, self.folder, key, str(megabytes)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert (self.folder / "building").exists()
        return done.stdout

    def build(self, megabytes: int = 1) -> None:
        """Write a layer, and end the build."""
        self.layer.parent.mkdir(exist_ok=True)
        self.layer.write_bytes(b"x" * megabytes * 2**20)
        (self.folder / "building").unlink()


@pytest.fixture
def cache(root: Path, tmp_path: Path) -> Cache:
    return Cache(root, tmp_path / "slipway" / "gateway")


def test_layers_of_the_last_build_are_kept(cache: Cache) -> None:
    cache.prepare()
    cache.build()
    assert cache.prepare() == ""
    assert cache.layer.exists()


def test_layers_of_other_inputs_are_removed(cache: Cache) -> None:
    cache.prepare()
    cache.build()
    assert cache.prepare("b") == f"empty cache of layers {cache.folder}: its inputs have changed\n"
    assert not cache.layer.exists()
    cache.build()
    assert cache.prepare("b") == ""


def test_layers_of_a_build_that_did_not_end_are_removed(cache: Cache) -> None:
    cache.prepare()
    cache.build()
    cache.prepare()
    assert "the last build did not succeed" in cache.prepare()
    assert not cache.layer.exists()


def test_the_size_is_bounded(cache: Cache) -> None:
    cache.prepare()
    cache.build(megabytes=6)
    assert "it is larger than 5 MB" in cache.prepare()
    assert not cache.layer.exists()


def test_files_of_a_build_before_there_was_a_key_are_removed(cache: Cache) -> None:
    cache.layer.parent.mkdir(parents=True)
    cache.layer.write_text("half")
    assert "it is new" in cache.prepare()
    assert not cache.layer.exists()
