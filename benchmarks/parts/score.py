"""Rows a second of `slipway score`, and the memory of all its processes as the file grows."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from apps.price.schema import EXAMPLE
from benchmarks.setup.place import BenchmarkError
from benchmarks.setup.usage import Memory, memory
from control.console import note, print_table
from serving.kernel.cpu_quota import cpu_count
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

ROWS = (30_000, 300_000)
AT_ONCE = 10_000
LOOK_SECONDS = 0.5


def main(lengths: Sequence[int] = ROWS) -> None:
    """Train a version on synthetic data, score files of these lengths, print a table. Raises `BenchmarkError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = TrainRequest(app="price", repository=folder / "models", home=folder / "home")
        here = Path.cwd()
        os.chdir(folder)  # where MLflow puts artifacts
        try:
            train(request, Registry(f"sqlite:///{folder}/mlflow.db"))
        finally:
            os.chdir(here)
        print_table(
            ("rows", "file, MB", "seconds, all", "seconds, scoring", "rows/s", "most PSS, MB", "most RSS, MB"),
            [_row(folder, rows) for rows in lengths],
            "slipway score price",
        )


def write(path: Path, rows: int) -> None:
    """The price app's example `rows` times, each with prices of its own."""
    kind = pa.struct([("date", pa.date32()), ("price", pa.float64()), ("arrival", pa.float64())])
    text = pa.string()
    schema = pa.schema(
        [("commodity", text), ("market", text), ("horizon", pa.int64()), ("history", pa.list_(kind))]
    )
    example = msgspec.to_builtins(EXAMPLE, builtin_types=(datetime.date,))
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, AT_ONCE):
            questions = []
            for row in range(start, min(rows, start + AT_ONCE)):
                factor = 0.5 + row % 9973 / 9973
                history = [{**seen, "price": seen["price"] * factor} for seen in example["history"]]
                questions.append({**example, "market": f"M{row}", "horizon": row % 30 + 1, "history": history})
            writer.write_table(pa.Table.from_pylist(questions, schema))


def _row(folder: Path, rows: int) -> tuple[str, ...]:
    path = folder / f"{rows}.parquet"
    write(path, rows)
    note(f"{rows} rows ...")
    started = time.monotonic()
    summary, most = _run(folder, path)
    scoring = summary["seconds"]["score"]
    figures = (
        path.stat().st_size / 2**20,
        time.monotonic() - started,
        scoring,
        rows / scoring,
        most.pss,
        most.rss,
    )
    return (str(rows), *(f"{figure:.0f}" for figure in figures))


def _run(folder: Path, path: Path) -> tuple[dict[str, dict[str, float]], Memory]:
    """The command's summary, and the most memory its processes were seen to have together."""
    places = {"SLIPWAY_HOME": folder / "home", "SLIPWAY_MODEL_REPOSITORY": folder / "models"}
    environment = os.environ | {name: str(place) for name, place in places.items()}
    line = [sys.executable, "-m", "control", "score", "price", "--json"]
    line += ["--data", str(path), "--out", str(path.with_suffix(".out.parquet"))]
    # Otherwise a small file would be scored without Ray.
    line += ["--workers", str(cpu_count())]
    most = Memory(0.0, 0.0)
    with (folder / "summary").open("w+b") as stream:
        process = psutil.Popen(line, env=environment, stdout=stream, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            seen = memory([process, *_children(process)])
            most = Memory(max(most.pss, seen.pss), max(most.rss, seen.rss))
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            raise BenchmarkError(f"slipway score ended with {process.returncode}")
        stream.seek(0)
        found: dict[str, dict[str, float]] = json.load(stream)
    return found, most


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
