"""`docs/tutorial.md`, executed from top to bottom in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from training.onnx.triton import free_ports

FENCE = re.compile(r"^```(\w+) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 420
"""For one block: other tests run beside it."""
PACKAGES = ("apps", "serving", "training", "control", "tests/contract", "tests/training")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the word behind it, and its text."""

    language: str
    kind: str
    text: str


def blocks(path: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(path.read_text())]


class Reader:
    """Does what the page says, in a clone and with a port of its own."""

    def __init__(self, clone: Path, port: int, grpc_port: int, registry: Path, warm_python: list[str]) -> None:
        """`registry` is a database of MLflow; without it each command would start PostgreSQL and MLflow."""
        self.clone = clone
        self.port = port
        folder = clone / "bin"
        folder.mkdir()
        warm, cold = shlex.join(warm_python), shlex.join([sys.executable])
        # The server stays a Python of its own: it has to get the signal that ends it.
        pytest_ = f'case "$1 $2" in "-m pytest") exec {warm} "$@";; esac\n'
        for name, text in {
            "slipway": f'exec {warm} -m control "$@"\n',
            "python": f'{pytest_}exec {cold} "$@"\n',
        }.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}")
            (folder / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(clone),
            # Compiled once, not by each command and each process of Ray.
            "PYTHONDONTWRITEBYTECODE": "",
            # Of plugins among the libraries, whose assertions nobody reads.
            "PYTEST_ADDOPTS": "-W 'ignore:Module already imported so cannot be rewritten'",
            "SLIPWAY_HOME": str(clone / ".slipway"),
            "SLIPWAY_HTTP_PORT": str(port),
            "SLIPWAY_GRPC_PORT": str(grpc_port),
            "MLFLOW_TRACKING_URI": f"sqlite:///{registry}",
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": str(clone / "artifacts"),
        }
        self.printed = ""

    def run(self, text: str, *, fails: bool) -> None:
        """Run a block of shell commands; the last one fails where the page says so."""
        script = "set -eu\n" + text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert (done.returncode != 0) is fails, f"{text}\n{done.stdout}\n{done.stderr}"
        self.printed = done.stdout + done.stderr

    def edit(self, text: str) -> None:
        """Apply a diff whose hunks have no line numbers: each replaces the lines that it shows."""
        head, *hunks = re.split(r"^@@\n", text, flags=re.MULTILINE)
        file = self.clone / head.splitlines()[1].removeprefix("+++ b/")
        source = file.read_text()
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            assert source.count(before) == 1, (
                f"{file.name} has these lines {source.count(before)} times:\n{before}"
            )
            source = source.replace(before, after)
        file.write_text(source)

    @contextmanager
    def serve(self, text: str) -> Iterator[None]:
        """Run a server until the page has been read."""
        server = subprocess.Popen(
            ["bash", "-c", "exec env " + text.strip()],
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._until_ready(server)
            yield
        finally:
            server.terminate()
            server.wait(60)

    def _until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the gateway did not become ready")


@pytest.fixture
def reader(tmp_path: Path, root: Path, empty_database: Path, warm_python: list[str]) -> Reader:
    clone = tmp_path / "clone"
    for name in PACKAGES:
        shutil.copytree(root / name, clone / name, ignore=shutil.ignore_patterns(".*", "*.pyc.*"))
    for path in (root / "pyproject.toml", *(root / "tests").glob("*.*")):
        shutil.copy(path, clone / path.relative_to(root))
    (clone / "model-repository").mkdir()
    registry = shutil.copy(empty_database, clone / "mlflow.db")
    return Reader(clone, *free_ports(2), Path(registry), warm_python)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_does_what_it_says(reader: Reader, root: Path) -> None:
    with ExitStack() as servers:
        for block in blocks(root / "docs" / "tutorial.md"):
            if block.kind == "background":
                servers.enter_context(reader.serve(block.text))
            elif block.kind == "answer":
                compare(json.loads(block.text), json.loads(reader.printed))
            elif block.language == "sh" and block.kind != "no-test":
                reader.run(block.text, fails=block.kind == "fails")
            elif block.language == "diff":
                reader.edit(block.text)
    assert "'moon' is not served by this version; allowed: " in reader.printed


def compare(shown: dict[str, object], printed: dict[str, object]) -> None:
    """The answer that the page shows has the fields of the real one, and the same text in them."""
    (expected,), (found,) = shown.pop("predictions"), printed.pop("predictions")  # type: ignore[misc]
    assert {**expected, "level": found["level"]} == found
    assert abs(expected["level"] - found["level"]) < 20
    assert shown.items() <= printed.items()
