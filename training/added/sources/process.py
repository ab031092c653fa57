"""Converts a model in a process of its own: without network, credentials and unlimited memory and time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd
import psutil

from training.added.errors import AddError
from training.added.sources.exchange import JOB, MODEL, REPORT, SAMPLE, Job, Native, Report, Source, read_native

__all__ = ["HAD_NETWORK", "MEMORY", "SECONDS", "WARNING", "Conversion", "convert_apart", "refuse_code"]

MEMORY, SECONDS = 8 << 30, 300
"""Bytes and seconds that a conversion may take."""
KILL_SECONDS = 5.0
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""Environment variables that the process gets; credentials and addresses of servers are in others."""
LOG = "log.txt"
WARNING = (
    "{name} runs Python code of its author when it is opened. With --trust, it is opened in a process without "
    "network and without your environment variables; that process can still read and write the files that you can"
)
HAD_NETWORK = (
    "The kernel gives no process a network of its own here: what opened the file could reach the network."
)


@dataclass(frozen=True)
class Conversion:
    """An ONNX file, and what is known of the model it was made from."""

    path: Path
    native: Native | None = None
    """Rows with the answers of the model itself; None for a file that was ONNX already."""
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Columns of numbers with empty cells in MLflow's input example."""


def refuse_code(source: Source, name: str, trust: bool) -> None:
    """Raise `AddError` for a file that runs code when it is opened, unless it is trusted."""
    if source.executes and not trust:
        raise AddError(
            f"{WARNING.format(name=name)}. Give --trust if you know who made it; safe formats are skops for "
            "scikit-learn, .json or .ubj for XGBoost, and .txt for LightGBM"
        )


def convert_apart(
    source: Source,
    folder: Path,
    sample: pd.DataFrame | None = None,
    columns: tuple[str, ...] = (),
    trust: bool = False,
    *,
    memory: int = MEMORY,
    seconds: int = SECONDS,
) -> Conversion:
    """Convert a model into an empty folder. Raises `AddError`, and `ModuleNotFoundError` for an extra."""
    path = Path(source.path).resolve()
    refuse_code(source, path.name, trust)
    job = Job(
        source=msgspec.structs.replace(source, path=str(path)),
        columns=columns,
        trust=trust,
        memory=memory,
        seconds=seconds,
    )
    (folder / JOB).write_bytes(msgspec.json.encode(job))
    if sample is not None:
        _write_sample(sample, folder)
    report = _read(folder, path.name, _run(folder, seconds))
    notes = [*source.notes, *report.notes]
    if trust and not report.isolated:
        notes.append(HAD_NETWORK)
    try:
        native = read_native(folder, report)
    except (OSError, KeyError, ValueError) as cause:
        raise AddError(f"{path.name}: the converted rows cannot be read: {cause}") from cause
    return Conversion(folder / MODEL, native, report.columns, report.labels, tuple(notes))


def _write_sample(sample: pd.DataFrame, folder: Path) -> None:
    try:
        sample.to_parquet(folder / SAMPLE, index=False)
    except (ValueError, TypeError) as cause:  # what pyarrow raises for cells of several types
        raise AddError(f"the sample has a column with cells of several types: {str(cause)[:200]}") from cause


def _run(folder: Path, seconds: int) -> int:
    """Run the process to its end; its exit code, negative for a signal. Raises `AddError` for one that is slow."""
    command = [sys.executable, "-P", "-m", "training.added.sources.main", str(folder)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            env=_environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired as cause:
            raise AddError(f"the conversion did not end within {seconds} s") from cause
        finally:
            _kill(process)
            _kill_strays(folder)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _kill_strays(folder: Path) -> None:
    """Kill what the process started in sessions of their own; they have its home folder in their environment."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get("HOME") == str(folder):
                one.kill()
                found.append(one)
    psutil.wait_procs(found, KILL_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    return {
        **kept,
        "PYTHONPATH": paths,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }


def _read(folder: Path, name: str, code: int) -> Report:
    """The report of a process that ended. Raises `AddError`, and `ModuleNotFoundError` for a missing extra."""
    try:
        report = msgspec.json.decode((folder / REPORT).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as cause:
        raise AddError(f"{name}: {_ended(folder, code)}") from cause
    if report.missing:
        raise ModuleNotFoundError(report.refusal, name=report.missing)
    if report.refusal:
        raise AddError(f"{name}: {report.refusal}")
    return report


def _ended(folder: Path, code: int) -> str:
    if code == -signal.SIGXCPU:
        return "converting it takes too much processor time"
    if code < 0:
        return (
            f"the conversion was ended by the signal {signal.Signals(-code).name}; the file is damaged, or the "
            "conversion needs more memory. Copy or save the model again"
        )
    last = (folder / LOG).read_text(errors="replace").strip().splitlines()[-1:] or [
        f"it ended with exit code {code}"
    ]
    return f"the conversion failed: {last[0][:300]}"
