"""A contest of a second: the raw handler on uvicorn, in this very environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.contest import asking, report
from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.workloads import WORKLOADS
from benchmarks.setup import models
from benchmarks.setup.place import BenchmarkError, Place
from benchmarks.setup.servers import Start, Subject, running
from tests.benchmarks.made import figure, results

UVICORN = CONTESTANTS["uvicorn"]
JSON = WORKLOADS["json"]


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    path = models.make("autoencoder", Place(tmp_path), lambda text: None)
    return Subject(python=Path(sys.executable), model=path, name="autoencoder", threads=1)


def test_a_contestant_answers_right_under_load_and_leaves_nothing(subject: Subject, tmp_path: Path) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed: apt-get install wrk")
    asked = asking.prepare(JSON, UVICORN, subject.model)
    with running(UVICORN.start, subject, Place(tmp_path), tmp_path / "log", asked.check) as server:
        assert server.seconds > 0
        found = asked.load(server.launch, clients=4, seconds=1)
        assert found.requests > 0 and found.errors == 0
        assert 0 < found.p50_ms <= found.p99_ms <= found.p999_ms <= found.max_ms
        seen = server.processes()
        assert seen
    assert not [process for process in seen if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_a_wrong_answer_is_an_error(subject: Subject, tmp_path: Path) -> None:
    right = asking.prepare(JSON, UVICORN, subject.model)
    wrong = asking.Asked(JSON, right.wire, right.request, right.right + 1)
    with (
        pytest.raises(BenchmarkError, match="a wrong answer"),
        running(UVICORN.start, subject, Place(tmp_path), tmp_path / "log", wrong.check),
    ):
        raise AssertionError("it came up")


def test_a_contestant_that_dies_is_named_with_its_last_words(subject: Subject, tmp_path: Path) -> None:
    dying = Start(lambda launch: [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with (
        pytest.raises(BenchmarkError, match="(?s)ended with 1.*no such thing"),
        running(dying, subject, Place(tmp_path), tmp_path / "log", lambda launch: False),
    ):
        raise AssertionError("it came up")


def test_expected_answers_are_those_of_the_model(subject: Subject) -> None:
    rows = asking.expected(WORKLOADS["binary64"], subject.model, tensors=True)
    assert rows.shape == (64, 50)
    errors = asking.expected(JSON, subject.model, tensors=False)
    np.testing.assert_allclose(errors, (rows[:1] ** 2).mean(axis=1), rtol=1e-5)


def test_tables_are_printed_for_whatever_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [
        figure("json", "slipway", n, rate, i) for n in (1, 16, 64) for i, rate in enumerate((1000, 3000, 2000))
    ]
    report.show(results(rounds, rounds=3))
    printed = capsys.readouterr().out
    assert "2,000 (1,000 to 3,000)" in printed
    assert "not measured" in printed
