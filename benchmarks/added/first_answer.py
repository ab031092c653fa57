"""From an ONNX file to the first answer, with a stack running: what of it is ours, MLflow's and Triton's."""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.added import models
from benchmarks.added.many import check, path_of
from benchmarks.added.timed import MLFLOW, Span
from benchmarks.contest.report import VERDICTS
from benchmarks.load.wire import Request, post
from benchmarks.setup.place import ROOT, BenchmarkError, Place
from benchmarks.setup.servers import Launch, Running, Start, Subject, clean_environment, running
from control.console import note, print_table
from control.stack.programs import probes
from serving.kernel.storage.model_repository import Repository

__all__ = ["GOAL_OWN_SECONDS", "GOAL_SECONDS", "OURS", "Share", "main", "rows", "split"]

RUNS = 3
GOAL_SECONDS, GOAL_OWN_SECONDS = 20.0, 3.0
"""From the command to the first answer, and our part of it."""
MOST_SECONDS = 120.0
OURS = "ours"
PUBLISH = "publish"
"""The last step of the command before the gateway has its turn."""
STARTING, WAITING, GATEWAY = (
    "Python starts and imports",
    "between the steps",
    "the gateway notices, verifies, answers",
)
CALLS = {MLFLOW: "import of its client, and its calls"}
OWNERS = {"triton": "Triton"}
"""Steps that start what is not ours and wait for its answers."""


@dataclass(frozen=True)
class Share:
    """A part of the time from the command to the first answer."""

    step: str
    owner: str
    seconds: float


def main() -> None:
    """Print a table. Raises `BenchmarkError` when the stack does not start or a model cannot be added."""
    place = Place.default()
    before, found = os.getloadavg()[0], []
    with _stack(place) as stack, _gateway(stack, place) as gateway:
        for number in range(RUNS):
            found.append(_once(stack, gateway, models.name_of(number), number, place.log("added")))
            note(f"run {number + 1} of {RUNS}: {sum(share.seconds for share in found[-1]):.1f} s")
    print_table(
        ("step", "whose", "median, s", "from", "to", ""),
        rows(found),
        f"from a file to the first answer: `slipway add` beside a running gateway, {RUNS} runs",
    )
    note(f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after; {os.cpu_count()} cores")


def split(began: float, answered: float, spans: Sequence[Span]) -> list[Share]:
    """The time from `began` to `answered` as parts that add up to it: steps, and what was not ours in them.

    What the command does after publishing happens beside the gateway's part and does not count.
    """
    published = min([answered, *(span.ended for span in spans if span.name == PUBLISH and not span.owner)])
    inside = [_cut(span, published) for span in spans if span.began < published]
    steps = [span for span in inside if not span.owner]
    calls = [span for span in inside if span.owner]
    shares = [Share(STARTING, OURS, min([published, *(span.began for span in inside)]) - began)]
    for step in steps:
        foreign = sum(_overlap(step, call) for call in calls)
        shares.append(Share(step.name, OWNERS.get(step.name, OURS), step.ended - step.began - foreign))
    for owner, what in CALLS.items():
        seconds = sum(call.ended - call.began for call in calls if call.owner == owner)
        shares.append(Share(what, owner, seconds))
    shares.append(Share(GATEWAY, OURS, answered - published))
    rest = answered - began - sum(share.seconds for share in shares)
    return [*shares[:1], Share(WAITING, OURS, rest), *shares[1:]]


def rows(found: Sequence[Sequence[Share]]) -> list[tuple[str, ...]]:
    """The parts of several runs, then all of it and our part of it beside their goals."""
    parts = {(share.step, share.owner): [_seconds(run, share) for run in found] for share in found[0]}
    made: list[tuple[str, ...]] = [(*part, *_range(seconds), "") for part, seconds in parts.items()]
    everything = [sum(share.seconds for share in run) for run in found]
    own = [sum(share.seconds for share in run if share.owner == OURS) for run in found]
    for name, owner, seconds, goal in (
        ("all", "", everything, GOAL_SECONDS),
        ("all of it that is ours", OURS, own, GOAL_OWN_SECONDS),
    ):
        verdict = f"under {goal:g} s: {VERDICTS[statistics.median(seconds) < goal]}"
        made.append((name, owner, *_range(seconds), verdict))
    return made


def _seconds(run: Sequence[Share], wanted: Share) -> float:
    return sum(share.seconds for share in run if (share.step, share.owner) == (wanted.step, wanted.owner))


def _range(seconds: Sequence[float]) -> tuple[str, str, str]:
    return f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}"


def _cut(span: Span, end: float) -> Span:
    return msgspec.structs.replace(span, ended=min(span.ended, end))


def _overlap(step: Span, call: Span) -> float:
    return max(0.0, min(step.ended, call.ended) - max(step.began, call.began))


def _once(stack: Running, gateway: Running, name: str, seed: int, log: Path) -> list[Share]:
    """Add one model while the gateway is asked for it again and again."""
    folder = stack.launch.folder
    file, spans = models.write_onnx(folder / f"{name}.onnx", seed), folder / f"{name}.json"
    given = ("--columns", ",".join(models.COLUMNS), "--labels", ",".join(models.LABELS))
    words = [sys.executable, "-m", "benchmarks.added.timed", str(spans), "add", str(file), *given]
    variables = clean_environment() | _variables(stack.launch)
    with log.open("wb") as stream:
        began = time.time()
        command = subprocess.Popen(words, env=variables, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT)
        try:
            answered = _first_answer(gateway.launch.http, name, command, log)
            command.wait(MOST_SECONDS)
        finally:
            command.kill()
    if command.returncode:
        raise BenchmarkError(f"slipway add ended with {command.returncode}; see {log}")
    check(gateway.launch.http, Repository(folder / "models"), [name])
    return split(began, answered, msgspec.json.decode(spans.read_bytes(), type=list[Span]))


def _first_answer(port: int, name: str, command: subprocess.Popen[bytes], log: Path) -> float:
    """When the model first answered, in seconds since 1970."""
    row = [0.0] * len(models.COLUMNS)
    request = Request(path_of(name), msgspec.json.encode({"instances": [row]}))
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        try:
            if post(port, request).status == 200:
                return time.time()
        except (OSError, http.client.HTTPException) as cause:
            raise BenchmarkError(f"the gateway does not answer: {cause}") from cause
        if command.poll():
            raise BenchmarkError(f"slipway add ended with {command.returncode}; see {log}")
        time.sleep(0.01)
    raise BenchmarkError(f"{name} did not answer within {MOST_SECONDS:.0f} s; see {log}")


def _variables(launch: Launch) -> dict[str, str]:
    return {
        "SLIPWAY_HOME": str(launch.folder),
        "SLIPWAY_MODEL_REPOSITORY": str(launch.folder / "models"),
        "SLIPWAY_MLFLOW_PORT": str(launch.spare[0]),
    }


def _stack(place: Place) -> AbstractContextManager[Running]:
    """PostgreSQL and MLflow, as `slipway up` starts them."""
    command = [sys.executable, "-m", "control", "up", "--only", "postgres", "--only", "mlflow"]
    start = Start(lambda launch: command, _variables, is_stack=True)
    return running(start, _subject(place), place, place.log("added-stack"), _registers)


def _gateway(stack: Running, place: Place) -> AbstractContextManager[Running]:
    """A gateway process for every app and added model of the stack's repository, which is empty."""

    def variables(launch: Launch) -> Mapping[str, str]:
        return {
            "SLIPWAY_HOME": str(launch.folder),
            "SLIPWAY_MODEL_REPOSITORY": str(stack.launch.folder / "models"),
            "SLIPWAY_HTTP_PORT": str(launch.http),
            "SLIPWAY_GRPC_PORT": str(launch.grpc),
        }

    start = Start(lambda launch: [str(launch.python), "-m", "serving"], variables)
    return running(start, _subject(place), place, place.log("added-gateway"), _lives)


def _subject(place: Place) -> Subject:
    return Subject(python=Path(sys.executable), model=place.root, name="added", threads=1)


def _registers(launch: Launch) -> bool:
    return probes.http(f"http://127.0.0.1:{launch.spare[0]}/health")


def _lives(launch: Launch) -> bool:
    return probes.http(f"http://127.0.0.1:{launch.http}/v2/health/live")
