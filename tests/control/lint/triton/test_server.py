"""The linter and the real tritonserver about the same models."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
import tritonclient.grpc as client
from tritonclient.utils import InferenceServerException

from control.lint.triton.lint import lint
from tests.control.lint.triton.corpus import BASES, write_base, write_case, write_parts
from tests.control.lint.triton.mistakes import MISTAKES
from tests.serving.models.tritons import Server

pytestmark = pytest.mark.slow

UNKNOWN = ("T110", "T120")
"""Warnings about what Triton refuses: a backend that only the user can have, and a model without a version."""
EVERY = [case for cases in MISTAKES.values() for case in cases]


class Loader:
    """A Triton that loads what it is told to. One that dies of a model is started again: 2.51 does at times."""

    def __init__(self, models: Path, folder: Path) -> None:
        self.server = Server(models, folder, control_mode="explicit")
        self.server.start()
        self._starting = Lock()

    def refusal(self, name: str) -> str:
        """Why Triton does not load a model; empty when it does."""
        for _ in range(4):
            process = self.server.process
            try:
                with client.InferenceServerClient(self.server.url) as connection:
                    connection.load_model(name, client_timeout=60)
                    connection.unload_model(name, client_timeout=60)
                return ""
            except InferenceServerException as cause:
                if cause.status() != "StatusCode.UNAVAILABLE":
                    return str(cause.message())
                with self._starting:
                    if self.server.process is process:
                        process.wait(timeout=60)
                        self.server.start()
        return "Triton died of it, again and again"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A repository with every good model and every mistake."""
    folder = tmp_path / "models"
    write_parts(folder)
    for base in BASES:
        if not (folder / base).exists():
            write_base(folder, base, base)
    for case in EVERY:
        write_case(folder, case)
    return folder


@pytest.fixture
def triton(models: Path, tmp_path: Path) -> Iterator[Loader]:
    loader = Loader(models, tmp_path)
    yield loader
    loader.server.stop()


def test_verdicts_agree(models: Path, triton: Loader) -> None:
    """What passes is loaded, and what is refused was caught.

    Mistakes that the stand-in backend cannot tell are left out: it would load them.
    """
    said = lint(models).findings
    rules = {base: "" for base in BASES} | {one.name: one.rule for one in EVERY if not one.blind}
    with ThreadPoolExecutor(3) as pool:
        refusals = dict(zip(rules, pool.map(triton.refusal, rules), strict=True))
    wrong = []
    for name, refused in refusals.items():
        caught = any(one.severity == "error" for one in said if one.subject == name)
        if bool(refused) != (caught or rules[name] in UNKNOWN):
            wrong.append((name, "caught" if caught else "passed", refused or "loaded"))
    assert wrong == []
