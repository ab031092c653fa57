from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto

from tests.serving import added
from tests.training import toy
from tests.training.added.models import node, save, value
from tests.training.conftest import ray_address
from tests.training.score.conftest import TOY, plan_of, score_directly, write_questions
from training.added.add import prepared
from training.added.build import Wanted
from training.errors import DataError, RayUnavailable, ScoreError
from training.progress import Silent
from training.publish import repository, servable
from training.score import run
from training.score.parts import Parts
from training.score.question_file import read_question_file
from training.score.run import ScoreRequest, _verify, score
from training.score.version import ModelRuntime
from training.score.worker import Job

MakeJob = Callable[..., Job]


@pytest.fixture
def request_for(tmp_path: Path, runtime: ModelRuntime, parquet: Path) -> Callable[..., ScoreRequest]:
    def make(**changes: Any) -> ScoreRequest:
        given = {"app": TOY, "data": parquet, "out": tmp_path / "out.parquet", "home": tmp_path / "home"}
        return ScoreRequest(**{**given, "runtime": runtime, "keep": ("id",), "block_rows": 50, **changes})

    return make


def command(out: Path, data: Path) -> list[str]:
    line = [sys.executable, "-m", "control", "score", TOY, "--data", str(data), "--out", str(out), "--json"]
    return [*line, "--keep", "id", "--block-rows", "500", "--workers", "1"]


def busy(text: str) -> bool:
    """Ray gives itself 30 seconds to start, which a busy machine may not have; the same command goes on."""
    return "timed out during startup" in text


def kill_in_the_middle(line: list[str], root: Path, environment: dict[str, str], log: Path, parts: Parts) -> int:
    """Run the command until five blocks are done, then `kill -9`; gives the code it ended with."""
    with log.open("wb") as stream:
        process = subprocess.Popen(line, cwd=root, env=environment, stdout=stream, stderr=stream)
        end = time.monotonic() + 150
        while len(list(parts.folder.glob("0*.json"))) < 5 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        return process.wait()


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(
    ray: None, root: Path, tmp_path: Path, runtime: ModelRuntime, job: MakeJob
) -> None:
    """The killed run uses the Ray of this process; the second run starts its own."""
    data, out = tmp_path / "many.parquet", tmp_path / "out.parquet"
    write_questions(data, 16_000, bad=(3, 13_333))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLIPWAY_")}
    environment |= {"SLIPWAY_HOME": str(tmp_path / "home"), "SLIPWAY_MODEL_REPOSITORY": runtime.repository}
    parts, guest = Parts(out), {**environment, "SLIPWAY_RAY_ADDRESS": ray_address()}
    killed = kill_in_the_middle(command(out, data), root, guest, tmp_path / "log", parts)
    assert killed == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert not out.exists() and parts.plan() is not None
    alone = {key: value for key, value in environment.items() if not key.startswith("RAY_")}
    for _ in range(3):
        done = subprocess.run(command(out, data), cwd=root, env=alone, capture_output=True, text=True, timeout=300)
        if not busy(done.stderr):
            break
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"] == 16_000 and summary["rejected"] == 2 and 500 <= summary["resumed"] < 16_000
    assert not parts.folder.exists()
    wanted, wanted_rejects = tmp_path / "wanted.parquet", tmp_path / "wanted.jsonl"
    score_directly(job(data, 500), wanted, wanted_rejects)
    assert out.read_bytes() == wanted.read_bytes()
    assert (tmp_path / "out.rejects.jsonl").read_bytes() == wanted_rejects.read_bytes()


def test_when_every_block_is_done_only_the_merge_is_left(
    request_for: Callable[..., ScoreRequest], tmp_path: Path, job: MakeJob, parquet: Path, runtime: ModelRuntime
) -> None:
    """As after a kill in the middle of the merge: no Ray is started."""
    made = job(parquet)
    score_directly(made, tmp_path / "wanted.parquet", tmp_path / "wanted.jsonl")
    shutil.copytree(made.parts.folder, Parts(tmp_path / "out.parquet").folder)
    fingerprint = asyncio.run(_verify(toy.app, 1, runtime)).fingerprint
    plan = msgspec.structs.replace(plan_of(made.source, 50, ("id",)), fingerprint=fingerprint)
    (tmp_path / "out.parquet.parts" / "plan.json").write_bytes(msgspec.json.encode(plan))
    result = score(request_for())
    assert (result.rows, result.rejected, result.resumed, result.version) == (250, 1, 250, 1)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "wanted.parquet").read_bytes()
    with pytest.raises(DataError, match="already exists; --overwrite replaces it"):
        score(request_for())


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that needs Ray says that there is none, even when this process is connected to one."""

    def connected(cpus: int, storage: Path) -> AbstractContextManager[None]:
        raise RayUnavailable("none here")

    monkeypatch.setattr(run, "connected", connected)


def test_a_small_file_is_scored_in_this_process(
    request_for: Callable[..., ScoreRequest], tmp_path: Path, no_ray: None, job: MakeJob, parquet: Path
) -> None:
    result = score(request_for())
    assert (result.rows, result.rejected, result.resumed) == (250, 1, 0)
    score_directly(job(parquet), tmp_path / "wanted.parquet", tmp_path / "wanted.jsonl")
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "wanted.parquet").read_bytes()


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 0}])
def test_ray_is_for_larger_files_and_for_those_who_ask_for_workers(
    request_for: Callable[..., ScoreRequest],
    no_ray: None,
    changes: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not changes["workers"]:
        monkeypatch.setattr(run, "ONE_PROCESS_ROWS", 249)
    with pytest.raises(RayUnavailable):
        score(request_for(**changes))


def test_another_run_to_the_same_output_is_refused(
    request_for: Callable[..., ScoreRequest], tmp_path: Path, parquet: Path
) -> None:
    parts = Parts(tmp_path / "out.parquet")
    with parts.locked():
        parts.begin(plan_of(read_question_file(parquet, toy.Question, ("id",), 50), 50, ("id",)))
    with pytest.raises(DataError, match=r"holds a run with another build of version 1; --overwrite starts over"):
        score(request_for())
    write_questions(parquet, 30)
    with parts.locked(), pytest.raises(DataError, match="another run is using it"):
        score(request_for())


def test_paths_are_looked_at_first(
    request_for: Callable[..., ScoreRequest], tmp_path: Path, parquet: Path
) -> None:
    for changes, says in (
        ({"out": parquet}, "is the file of questions"),
        ({"out": tmp_path / "out.xlsx"}, "expected a file that ends in"),
        ({"out": tmp_path / "no" / "out.csv"}, "does not exist"),
        ({"rejects": tmp_path / "out.parquet"}, "it is the same file as --out"),
        ({"out": tmp_path, "rejects": tmp_path / "r"}, "expected a file"),
        ({"version": 9}, "toy has no version 9"),
        ({"app": "nothing"}, "there is no app 'nothing'"),
    ):
        with pytest.raises(DataError, match=says):
            score(request_for(**changes))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["questions.parquet"]


def test_a_bad_version_is_refused_before_anything_is_done(
    request_for: Callable[..., ScoreRequest], tmp_path: Path, models: Path
) -> None:
    shutil.copytree(models, tmp_path / "models")
    (tmp_path / "models" / "toy" / "1" / "model.onnx").write_bytes(b"rot")
    with pytest.raises(ScoreError, match=r"refused: model.onnx"):
        score(request_for(runtime=ModelRuntime(repository=str(tmp_path / "models"))))
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("version", [1, 2])
def test_a_table_with_the_columns_of_an_added_model(tmp_path: Path, version: int) -> None:
    models, data, out = tmp_path / "models", tmp_path / "rows.csv", tmp_path / "out.csv"
    added.write_version(models, 1, weights=(1, 10))
    added.write_version(models, 2, weights=(2, 20), names="pq")
    names = "a,b" if version == 1 else "p,q"
    data.write_text(f"id,{names}\nx,1,2\ny,3,\nz,two,1\n")
    runtime = ModelRuntime(repository=str(models))
    given = {"app": added.NAME, "data": data, "out": out, "home": tmp_path / "home", "runtime": runtime}
    result = score(ScoreRequest(**given, version=version, keep=("id",)))
    assert (result.rows, result.rejected) == (3, 2)
    total = 21 if version == 1 else 42
    assert out.read_text().splitlines()[1:] == [f'0,"x",{total},{version}', '1,"y",,', '2,"z",,']
    reasons = (tmp_path / "out.rejects.jsonl").read_text()
    assert "required field is missing" in reasons
    data.write_text("a,b,label\n1,2,3\n" if version == 1 else "p,q,label\n1,2,3\n")
    with pytest.raises(DataError, match="column 'label' is not a field of the question .*--keep label"):
        score(ScoreRequest(**given, version=version, overwrite=True))


def test_rows_of_different_lengths_are_answered_one_after_the_other(tmp_path: Path) -> None:
    path = sequence(tmp_path / "m.onnx")
    with prepared(Wanted(name="lengths", path=path, source="m.onnx", triton=False), Silent()) as made:
        servable.seal(made.folder, made.built.manifest)
        repository.publish(made.folder, tmp_path / "models", "lengths", 1)
    rows = ([1, 2], [1, 2, 3], [4], [[1]], [1] * 30)
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"x": {row}}}\n' for row in rows))
    result = score(
        ScoreRequest(
            app="lengths",
            data=tmp_path / "rows.jsonl",
            out=tmp_path / "out.jsonl",
            home=tmp_path / "home",
            runtime=ModelRuntime(repository=str(tmp_path / "models")),
        )
    )
    assert (result.rows, result.rejected) == (5, 2)
    rejects = (tmp_path / "out.rejects.jsonl").read_text().splitlines()
    assert "the model lengths does not take these values" in rejects[1]
    answers = [json.loads(line)["total"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert answers == [3, 6, 4, None, None]


def sequence(path: Path) -> Path:
    """total = the sum of a row, of less than twenty numbers."""
    return save(
        path,
        [
            node("Shape", ["x"], ["size"], start=1),
            node("Gather", ["lengths", "size"], ["known"]),
            node("Mul", ["x", "known"], ["kept"]),
            node("ReduceSum", ["kept", "axis"], ["total"], keepdims=1),
        ],
        [value("x", TensorProto.FLOAT, ["rows", "length"])],
        [value("total", TensorProto.FLOAT, ["rows", 1])],
        {"axis": np.array([1]), "lengths": np.ones(20, np.float32)},
    )
