"""Versions come to a running Triton and leave it again: a real server, without a restart."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as client
from tritonclient.grpc import model_config_pb2 as pb
from tritonclient.utils import InferenceServerException

from control.triton.follow import Follower, Served, fitting
from control.triton.place import Place
from control.triton.server import Server, TritonAway
from serving.kernel.app_values import Values
from serving.kernel.storage.model_repository import Repository
from tests.control.triton.fake_triton import FakeTriton, running
from tests.serving import added, toy
from tests.serving.models import tritons
from tests.training.added.folders import folders
from training.added.folders.read import read_folder
from training.added.folders.write import write_models
from training.onnx.config_pbtxt import config_pbtxt
from training.publish import added_files, repository, servable
from training.publish.parts import publish_parts, remove_unused

ROWS = np.array([[1, 2]], np.float32)


@dataclass
class Clock:
    """Goes on only when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Caller:
    """Asks one version without a pause."""

    url: str
    version: int
    answers: list[float] = field(default_factory=list)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Until the end of the block; an answer came before, during and after it."""
        stop, first = threading.Event(), threading.Event()
        errors: list[BaseException] = []

        def call() -> None:
            try:
                while not stop.is_set():
                    self.answers.append(ask(self.url, self.version))
                    first.set()
            except BaseException as error:  # noqa: BLE001 - it is raised in the test
                errors.append(error)
                first.set()

        thread = threading.Thread(target=call)
        thread.start()
        assert first.wait(60)
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert errors == []


def ask(url: str, version: int) -> float:
    tensor = client.InferInput("features", [1, 2], "FP32")
    tensor.set_data_from_numpy(ROWS)
    with client.InferenceServerClient(url) as server:
        answer = server.infer("toy", [tensor], model_version=str(version), client_timeout=60).as_numpy("total")
    assert answer is not None
    return float(answer[0, 0])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    toy.write_version(folder, 1, (1, 1))
    (folder / "toy" / "config.pbtxt").write_text(config_pbtxt(toy.app, Values()))
    return folder


@pytest.fixture
def triton(models: Path, tmp_path: Path) -> Iterator[tritons.Server]:
    server = tritons.Server(models, tmp_path, "explicit")
    server.start()
    yield server
    server.kill()


@pytest.mark.slow
def test_versions_come_and_go_while_triton_runs(models: Path, triton: tritons.Server) -> None:
    clock = Clock()
    server = Server(triton.url)
    follower = Follower(Repository(models), server, Place(cpus=1), keep_seconds=100, clock=clock)
    assert follower.look() == (Served("toy", (1,)),), "the newest, where no alias says another"
    (group,) = server.config("toy").instance_group
    assert (group.kind, group.count) == (pb.ModelInstanceGroup.KIND_CPU, 1)

    # A new champion is loaded while the old one answers, and the old one stays until gateways have seen it.
    toy.write_version(models, 2, (10, 10))
    toy.write_aliases(models, 2)
    with Caller(triton.url, 1).calling():
        assert follower.look() == (Served("toy", (1, 2), 2),)
    assert (ask(triton.url, 1), ask(triton.url, 2)) == (3.0, 30.0)
    clock.now += 101
    with Caller(triton.url, 2).calling():
        assert follower.look() == (Served("toy", (2,), 2),)

    # What is not as it was published, and what Triton cannot open, leaves the rest alone.
    (toy.write_version(models, 3) / "model.onnx").write_bytes(b"changed")
    toy.write_aliases(models, 2, 3)
    (served,) = follower.look()
    assert served.versions == (2,) and served.problem.startswith("version 3: model.onnx")
    broken = toy.write_version(models, 4)
    (broken / "model.onnx").write_bytes(b"no graph")
    toy.write_manifest(broken, 4)
    toy.write_aliases(models, 4)
    for _ in range(2):
        clock.now += 1
        (served,) = follower.look()
        assert served.versions == (2,) and served.problem.startswith("Triton refuses toy")
    clock.now += 1000
    assert follower.look()[0].versions == (2,), "the last good version stays while its successor does not answer"
    assert ask(triton.url, 2) == 30.0

    # A second process, and one that finds Triton empty.
    toy.write_aliases(models, 2)
    again = Follower(Repository(models), server, Place(cpus=1), clock=clock)
    log = triton_log(models)
    assert again.look() == (Served("toy", (2,), 2),)
    assert triton_log(models) == log, "nothing was to do"

    # The only version is damaged on the disk, and a new process finds it so: Triton goes on with what it has.
    file = models / "toy" / "2" / "model.onnx"
    good = file.read_bytes()
    file.write_bytes(b"changed")
    (served,) = Follower(Repository(models), server, Place(cpus=1), clock=clock).look()
    assert served.versions == (2,) and served.problem.startswith("version 2: model.onnx")
    assert ask(triton.url, 2) == 30.0
    file.write_bytes(good)
    server.unload("toy")
    assert again.look() == (Served("toy", (2,), 2),)

    (models / "toy").rename(models.parent / "gone")
    (gone,) = again.look()
    assert (gone.versions, gone.problem) == ((), "there is no version")
    with pytest.raises(InferenceServerException, match="not found|not ready|unknown model"):
        ask(triton.url, 2)
    triton.kill()
    with pytest.raises(TritonAway, match=f"Triton at {triton.url} does not answer"):
        again.look()
    triton.start()


def triton_log(models: Path) -> list[str]:
    """The lines with which loading and unloading begin; how they end is written later."""
    text = (models.parent / "triton.log").read_text(errors="replace")
    return [line for line in text.splitlines() if "loading: " in line]


def test_a_triton_that_says_what_is_not_true(models: Path) -> None:
    clock, triton = Clock(), FakeTriton()
    toy.write_version(models, 2, (10, 10))
    with running(triton) as url:
        follower = Follower(Repository(models), Server(url), Place(cpus=1), clock=clock)
        toy.write_aliases(models, 1)
        assert follower.look() == (Served("toy", (1,), 1),)

        triton.lies = {2}
        toy.write_aliases(models, 2)
        (served,) = follower.look()
        assert served.versions == (1,), "the last champion answers"
        assert served.problem.endswith("it says that it has loaded them, and does not serve 2")
        triton.loads.clear()
        assert follower.look() == (served,)
        assert triton.loads == [], "it is not asked again at once"
        triton.lies, clock.now = set(), 61
        assert follower.look() == (Served("toy", (1, 2), 2),)

        # A model that cannot be loaded in time does not keep the others from being looked at.
        triton.fails = {"load": grpc.StatusCode.DEADLINE_EXCEEDED}
        toy.write_version(models, 3)
        toy.write_aliases(models, 3)
        (served,) = follower.look()
        assert served.versions == (1, 2) and "Triton refuses toy 1, 2, 3" in served.problem


def test_what_is_served_stays_while_the_repository_is_gone(models: Path) -> None:
    triton = FakeTriton()
    toy.write_version(models, 2, (10, 10))
    toy.write_aliases(models, 1)
    with running(triton) as url:
        follower = Follower(Repository(models), Server(url), Place(cpus=1), clock=Clock())
        follower.look()
        toy.write_aliases(models, 2)
        assert follower.look() == (Served("toy", (1, 2), 2),)
        models.rename(models.parent / "lost")
        (served,) = follower.look()
        assert served.versions == (1, 2) and "No such file or directory" in served.problem
        (models.parent / "lost").rename(models)
        assert follower.look() == (Served("toy", (1, 2), 2),)


def test_the_models_that_a_chosen_one_uses_are_followed_too(models: Path, tmp_path: Path) -> None:
    """They come with an ensemble, whose name is all that the values of a chart have, and go with it."""
    folders.ensemble(tmp_path / "given")
    version = models / "whole" / "1"
    write_models("whole", read_folder(tmp_path / "given" / "whole"), version)
    added_files.write_config(models, "whole", servable.seal(version, added.manifest(model="whole")), version)
    publish_parts(version, models)
    triton = FakeTriton()
    with running(triton) as url:
        follower = Follower(Repository(models), Server(url), Place(cpus=1), ("whole",), clock=Clock())
        found = [(one.model, one.versions, one.problem) for one in follower.look()]
        assert found == [(name, (1,), "") for name in ("linear", "twice", "whole")], "and not `toy`"
        repository.remove_app(models, "whole")
        remove_unused(models, ["linear", "twice"])
        assert all(one.versions == () for one in follower.look()) and not triton.loaded


def test_a_configuration_of_another_model_is_not_loaded(models: Path) -> None:
    triton = FakeTriton()
    file = models / "toy" / "config.pbtxt"
    file.write_text(file.read_text().replace('name: "toy"', 'name: "other"', 1))
    with running(triton) as url:
        (served,) = Follower(Repository(models), Server(url), Place(cpus=1), clock=Clock()).look()
    assert served == Served("toy", (), None, 'config.pbtxt names the model "other", and its folder is toy')
    assert triton.loads == []


def test_one_bad_version_costs_itself_alone() -> None:
    from control.triton.follow import _attempts

    tried = _attempts([4, 3], [1, 2])
    assert tried == [[1, 2, 3, 4], [3, 4], [1, 2, 4], [4], [1, 2, 3], [1, 2]]
    assert _attempts([], [2]) == [[2]]
    for wanted, kept in itertools.product(([1], [2, 1]), ([], [3])):
        assert all(attempt == sorted(attempt) for attempt in _attempts(wanted, kept))


def test_versions_that_the_configuration_leaves_out_are_not_tried() -> None:
    attempts = [[1, 3, 4], [3, 4], [3]]
    assert fitting(pb.ModelConfig(), attempts) == attempts
    policy = pb.ModelVersionPolicy(specific=pb.ModelVersionPolicy.Specific(versions=[1, 3]))
    assert fitting(pb.ModelConfig(version_policy=policy), attempts) == [[1, 3], [3]]
    assert fitting(pb.ModelConfig(version_policy=policy), [[4]]) == [[4]], "Triton says why it does not load it"
