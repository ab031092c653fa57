"""Where a benchmark keeps what, below `SLIPWAY_HOME/bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from control.settings import StackSettings
from serving.kernel.settings import read

__all__ = ["ROOT", "BenchmarkError", "Place"]

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""


class BenchmarkError(Exception):
    """Something could not be measured; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Place:
    """The folders; made when they are first used."""

    root: Path

    @classmethod
    def default(cls) -> Place:
        """Below the home folder that the settings name."""
        return cls(read(StackSettings).home.resolve() / "bench")

    def folder(self, *names: str) -> Path:
        """A folder that exists."""
        path = self.root.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def repository(self) -> Path:
        """Slipway's model repository."""
        return self.folder("model-repository")

    @property
    def triton(self) -> Path:
        """Triton's model repository."""
        return self.folder("triton-repository")

    @property
    def results(self) -> Path:
        """JSON, plots and the printed tables."""
        return self.folder("results")

    def log(self, name: str) -> Path:
        """A contestant's log."""
        return self.folder("logs") / f"{name}.log"
